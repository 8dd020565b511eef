// SPDX-License-Identifier: MIT
#include <odt/nn/multi_resolution.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(multi_resolution_tests)

BOOST_AUTO_TEST_CASE(a_layer_keeps_a_channel_or_is_refused) {
  BOOST_TEST(odt::scaled_depth(32, 0.25f, 0) == 8);
  BOOST_TEST(odt::scaled_depth(32, 0.25f, 16) == 16);
  BOOST_CHECK_EXCEPTION(odt::scaled_depth(32, 0.01f, 0), odt::error, [](const odt::error& e) {
    return std::string_view(e.what()).starts_with("depth_multiplier 0.01 and min_depth 0 leave a layer of 32 channels");
  });
}

BOOST_AUTO_TEST_SUITE_END()
