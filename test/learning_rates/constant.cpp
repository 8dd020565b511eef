// SPDX-License-Identifier: MIT
#include <odt/learning_rates/constant.hpp>

#include <learning_rates/golden_rate.hpp>

BOOST_AUTO_TEST_SUITE(constant_tests)

BOOST_AUTO_TEST_CASE(rates_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/learning_rates/constant_learning_rate")) {
  odt::test::check_rates<odt::constant_learning_rate>();
}

BOOST_AUTO_TEST_CASE(every_step_has_the_same_rate) {
  BOOST_TEST(odt::constant_learning_rate{{0.5f}}.at(0) == 0.5f);
  BOOST_TEST(odt::constant_learning_rate{{0.5f}}.at(1'000'000) == 0.5f);
}

BOOST_AUTO_TEST_SUITE_END()
