// SPDX-License-Identifier: MIT
#include <odt/losses/logits_softmax.hpp>

#include <losses/golden_loss.hpp>

BOOST_AUTO_TEST_SUITE(logits_softmax_tests)

BOOST_AUTO_TEST_CASE(costs_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/losses/weighted_logits_softmax")) {
  for (const auto& c : odt::test::golden_cases("losses/weighted_logits_softmax"))
    odt::test::check_loss(odt::weighted_logits_softmax{{.logit_scale = c.params().at("logit_scale").get<float>()}}, c);
}

BOOST_AUTO_TEST_CASE(equal_predictions_and_targets_have_no_gradient) {
  const auto result = odt::test::costs_of<double>(odt::weighted_logits_softmax{}, 3, {1, 2, -3}, {1, 2, -3}, {1});
  for (const double g : result.gradients) BOOST_TEST(std::abs(g) < 1e-12);
}

BOOST_AUTO_TEST_SUITE_END()
