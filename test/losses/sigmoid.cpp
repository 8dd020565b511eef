// SPDX-License-Identifier: MIT
#include <odt/losses/sigmoid.hpp>

#include <losses/golden_loss.hpp>

BOOST_AUTO_TEST_SUITE(sigmoid_tests)

BOOST_AUTO_TEST_CASE(costs_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/losses/weighted_sigmoid")) {
  for (const auto& c : odt::test::golden_cases("losses/weighted_sigmoid"))
    odt::test::check_loss(odt::weighted_sigmoid{}, c);
}

BOOST_AUTO_TEST_CASE(an_undecided_logit_costs_log_2) {
  const auto term = odt::weighted_sigmoid{}.element(0.0, 1.0, 3.0);
  BOOST_TEST(term.value == 3 * 0.69314718056, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(term.gradient == -1.5, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(saturated_logits_cost_their_size_and_nothing_overflows) {
  const odt::weighted_sigmoid loss;
  for (const float x : {100.0f, 1000.0f, 3e38f}) {
    BOOST_TEST(loss.element(x, 0.0f, 1.0f).value == x);
    BOOST_TEST(loss.element(x, 0.0f, 1.0f).gradient == 1);
    BOOST_TEST(loss.element(-x, 0.0f, 1.0f).value < 1e-40f);
    BOOST_TEST(loss.element(-x, 1.0f, 1.0f).value == x);
    BOOST_TEST(loss.element(-x, 1.0f, 1.0f).gradient == -1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
