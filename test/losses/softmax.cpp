// SPDX-License-Identifier: MIT
#include <odt/losses/softmax.hpp>

#include <losses/golden_loss.hpp>

BOOST_AUTO_TEST_SUITE(softmax_tests)

BOOST_AUTO_TEST_CASE(costs_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/losses/weighted_softmax")) {
  for (const auto& c : odt::test::golden_cases("losses/weighted_softmax"))
    odt::test::check_loss(odt::weighted_softmax{{.logit_scale = c.params().at("logit_scale").get<float>()}}, c);
}

BOOST_AUTO_TEST_CASE(equal_logits_cost_the_logarithm_of_their_number) {
  const auto result = odt::test::costs_of<double>(odt::weighted_softmax{}, 4, {2, 2, 2, 2}, {0, 0, 1, 0}, {0.5});
  BOOST_TEST(result.costs[0] == 0.5 * 1.38629436112, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(result.gradients[0] == 0.125, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(result.gradients[2] == -0.375, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(large_logits_do_not_overflow) {
  const auto result = odt::test::costs_of<float>(odt::weighted_softmax{}, 2, {1000, -1000}, {0, 1}, {1});
  BOOST_TEST(result.costs[0] == 2000);
  BOOST_TEST(result.gradients[1] == -1);
}

BOOST_AUTO_TEST_SUITE_END()
