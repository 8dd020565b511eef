// SPDX-License-Identifier: MIT
#include <odt/train/time_budget.hpp>

#include <boost/test/unit_test.hpp>

using odt::time_budget;

BOOST_AUTO_TEST_SUITE(time_budget_tests)

BOOST_AUTO_TEST_CASE(at_an_even_pace_the_position_is_the_share_of_the_time) {
  time_budget budget(60);
  for (int step = 1; step <= 30; ++step) {
    BOOST_TEST(!budget.over(2 * (step - 1)));
    budget.advance(2, 2 * step);
    BOOST_TEST(budget.position() == step / 30.0, boost::test_tools::tolerance(1e-9));
  }
  BOOST_TEST(budget.over(60));
  BOOST_TEST(budget.schedule_step(1500) == 1500);
}

BOOST_AUTO_TEST_CASE(time_between_steps_makes_the_rest_go_faster_without_a_jump) {
  time_budget budget(60);
  budget.advance(10, 10);
  const double before = budget.position();
  budget.advance(10, 40);  // 20 seconds of evaluation came before it: of 30 left, a third
  BOOST_TEST(budget.position() - before == (1 - before) / 3, boost::test_tools::tolerance(1e-9));
  budget.advance(10, 50);
  budget.advance(10, 60);
  BOOST_TEST(budget.position() == 1, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(a_run_that_goes_on_begins_at_its_share) {
  time_budget budget(60, 15);
  BOOST_TEST(budget.schedule_step(1000) == 250);
  BOOST_TEST(budget.steps_left(15, 0.5) == 90);
  BOOST_TEST(budget.steps_left(70, 0.5) == 0);
}

BOOST_AUTO_TEST_CASE(a_step_that_is_longer_than_what_is_left_ends_the_schedule) {
  time_budget budget(60);
  budget.advance(100, 100);
  BOOST_TEST(budget.position() == 1);
  BOOST_TEST(budget.over(100));
}

BOOST_AUTO_TEST_SUITE_END()
