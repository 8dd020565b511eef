// SPDX-License-Identifier: MIT
#include <odt/learning_rates/exponential_decay.hpp>

#include <learning_rates/golden_rate.hpp>

BOOST_AUTO_TEST_SUITE(exponential_decay_tests)

BOOST_AUTO_TEST_CASE(rates_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/learning_rates/exponential_decay_learning_rate")) {
  odt::test::check_rates<odt::exponential_decay_learning_rate>();
}

BOOST_AUTO_TEST_CASE(the_sample_config_decays_by_stairs) {
  const odt::exponential_decay_learning_rate rate{{.initial_learning_rate = 0.004f, .decay_steps = 800720}};
  BOOST_TEST(rate.at(0) == 0.004f);
  BOOST_TEST(rate.at(800719) == 0.004f);
  BOOST_TEST(rate.at(800720) == 0.0038f, boost::test_tools::tolerance(1e-5f));
}

BOOST_AUTO_TEST_CASE(a_burn_in_comes_first_and_the_minimum_holds_everywhere) {
  const odt::exponential_decay_learning_rate rate{{.initial_learning_rate = 0.004f,
                                                   .decay_steps = 50,
                                                   .burnin_learning_rate = 0.0004f,
                                                   .burnin_steps = 100,
                                                   .min_learning_rate = 0.002f}};
  BOOST_TEST(rate.at(99) == 0.002f);
  BOOST_TEST(rate.at(100) == 0.004f);
  BOOST_TEST(rate.at(150) == 0.0038f, boost::test_tools::tolerance(1e-5f));
  BOOST_TEST(rate.at(5000) == 0.002f);
}

BOOST_AUTO_TEST_CASE(no_decay_steps_are_refused) {
  BOOST_CHECK_THROW(odt::exponential_decay_learning_rate::check({.decay_steps = 0}), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
