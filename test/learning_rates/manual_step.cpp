// SPDX-License-Identifier: MIT
#include <odt/learning_rates/manual_step.hpp>

#include <learning_rates/golden_rate.hpp>

BOOST_AUTO_TEST_SUITE(manual_step_tests)

BOOST_AUTO_TEST_CASE(rates_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/learning_rates/manual_step_learning_rate")) {
  odt::test::check_rates<odt::manual_step_learning_rate>();
}

BOOST_AUTO_TEST_CASE(a_rate_holds_from_its_step_on) {
  const odt::manual_step_learning_rate rate{{.initial_learning_rate = 0.1f, .schedule = {{100, 0.01f}, {300, 0.001f}}}};
  BOOST_TEST(rate.at(99) == 0.1f);
  BOOST_TEST(rate.at(100) == 0.01f);
  BOOST_TEST(rate.at(300) == 0.001f);
}

BOOST_AUTO_TEST_CASE(a_warm_up_rises_in_a_straight_line) {
  const odt::manual_step_learning_rate rate{
      {.initial_learning_rate = 0.001f, .schedule = {{100, 0.01f}}, .warmup = true}};
  BOOST_TEST(rate.at(0) == 0.001f);
  BOOST_TEST(rate.at(50) == 0.0055f, boost::test_tools::tolerance(1e-5f));
  BOOST_TEST(rate.at(100) == 0.01f);
}

BOOST_AUTO_TEST_CASE(steps_that_do_not_rise_are_refused) {
  using manual = odt::manual_step_learning_rate;
  BOOST_CHECK_THROW(manual::check({.schedule = {{0, 0.1f}}}), odt::error);
  BOOST_CHECK_THROW(manual::check({.schedule = {{10, 0.1f}, {10, 0.01f}}}), odt::error);
  BOOST_CHECK_NO_THROW(manual::check({.schedule = {{10, 0.1f}, {11, 0.01f}}}));
}

BOOST_AUTO_TEST_SUITE_END()
