// SPDX-License-Identifier: MIT
#include <odt/box_coders/mean_stddev.hpp>

#include <box_coders/golden_coder.hpp>

BOOST_AUTO_TEST_SUITE(mean_stddev_tests)

BOOST_AUTO_TEST_CASE(codes_are_the_api_s, *odt::test::needs(odt::test::golden() / "units/box_coders/mean_stddev")) {
  for (const auto& c : odt::test::golden_cases("box_coders/mean_stddev")) {
    const odt::mean_stddev_box_coder coder{{.stddev = c.params().at("stddev").get<float>()}};
    odt::test::check_coder<false>(coder, c);
    odt::test::check_coder<true>(coder, c);
  }
}

BOOST_AUTO_TEST_CASE(the_code_of_a_box_counts_standard_deviations) {
  const auto code =
      odt::mean_stddev_box_coder{{.stddev = 0.125f}}.encode(odt::boxf{0.25f, 0.5f, 1, 1}, {0, 0, 1, 0.5f});
  BOOST_TEST((code == std::array{2.0f, 4.0f, 0.0f, 4.0f}));
}

BOOST_AUTO_TEST_SUITE_END()
