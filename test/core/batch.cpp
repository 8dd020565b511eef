// SPDX-License-Identifier: MIT
#include <odt/core/batch.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(batch_tests)

BOOST_AUTO_TEST_CASE(windows_are_the_images_without_their_padding) {
  odt::batch b = odt::batch::zeros(2, 40, 80, 1);
  b.true_sizes[1] = {10, 60};
  BOOST_TEST((b.window(0) == odt::boxf{0, 0, 1, 1}));
  BOOST_TEST((b.window(1) == odt::boxf{0, 0, .25f, .75f}));
  b.true_sizes.clear();
  BOOST_TEST((b.window(1) == odt::boxf{0, 0, 1, 1}));
}

BOOST_AUTO_TEST_SUITE_END()
