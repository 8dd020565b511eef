// SPDX-License-Identifier: MIT
#include <odt/learning_rates/cosine_decay.hpp>

#include <learning_rates/golden_rate.hpp>

BOOST_AUTO_TEST_SUITE(cosine_decay_tests)

BOOST_AUTO_TEST_CASE(rates_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/learning_rates/cosine_decay_learning_rate")) {
  odt::test::check_rates<odt::cosine_decay_learning_rate>();
}

BOOST_AUTO_TEST_CASE(the_rate_rises_holds_and_falls_to_zero) {
  const odt::cosine_decay_learning_rate rate{{.learning_rate_base = 0.04f,
                                              .total_steps = 1000,
                                              .warmup_learning_rate = 0.001f,
                                              .warmup_steps = 100,
                                              .hold_base_rate_steps = 200}};
  BOOST_TEST(rate.at(0) == 0.001f);
  BOOST_TEST(rate.at(50) == 0.0205f, boost::test_tools::tolerance(1e-5f));
  BOOST_TEST(rate.at(300) == 0.04f);
  BOOST_TEST(rate.at(650) == 0.02f, boost::test_tools::tolerance(1e-5f));
  BOOST_TEST(std::abs(rate.at(1000)) < 1e-8f);
  BOOST_TEST(rate.at(1001) == 0);
}

BOOST_AUTO_TEST_CASE(schedules_that_contradict_themselves_are_refused) {
  using cosine = odt::cosine_decay_learning_rate;
  BOOST_CHECK_THROW(cosine::check({.total_steps = 100, .warmup_steps = 100}), odt::error);
  BOOST_CHECK_THROW(cosine::check({.learning_rate_base = 0.01f, .warmup_learning_rate = 0.1f}), odt::error);
  BOOST_CHECK_NO_THROW(cosine::check({}));
}

BOOST_AUTO_TEST_SUITE_END()
