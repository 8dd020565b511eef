// SPDX-License-Identifier: MIT
#include <odt/losses/focal.hpp>

#include <losses/golden_loss.hpp>

namespace {

odt::weighted_sigmoid_focal loss_of(const odt::test::golden_case& c) {
  odt::weighted_sigmoid_focal loss{{.gamma = c.params().at("gamma").get<float>()}};
  if (const auto& alpha = c.params().at("alpha"); !alpha.is_null()) loss.opts.alpha = alpha.get<float>();
  return loss;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(focal_tests)

BOOST_AUTO_TEST_CASE(costs_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/losses/weighted_sigmoid_focal")) {
  for (const auto& c : odt::test::golden_cases("losses/weighted_sigmoid_focal")) odt::test::check_loss(loss_of(c), c);
}

BOOST_AUTO_TEST_CASE(an_undecided_logit_counts_by_a_quarter) {
  const auto plain = odt::weighted_sigmoid_focal{}.element(0.0, 1.0, 1.0);
  BOOST_TEST(plain.value == 0.25 * 0.69314718056, boost::test_tools::tolerance(1e-6));
  const auto balanced = odt::weighted_sigmoid_focal{{.alpha = 0.25f}}.element(0.0, 0.0, 1.0);
  BOOST_TEST(balanced.value == 0.75 * 0.25 * 0.69314718056, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(saturated_logits_have_finite_gradients_for_any_gamma) {
  for (const float gamma : {0.0f, 0.5f, 1.0f, 2.0f, 5.0f})
    for (const float x : {-1000.0f, -100.0f, 100.0f, 1000.0f})
      for (const float target : {0.0f, 1.0f}) {
        const auto term = odt::weighted_sigmoid_focal{{.gamma = gamma}}.element(x, target, 1.0f);
        BOOST_TEST(std::isfinite(term.gradient));
        BOOST_TEST(std::abs(std::abs(term.gradient) - ((x > 0) == (target > 0) ? 0.0f : 1.0f)) < 1e-40f);
      }
}

BOOST_AUTO_TEST_SUITE_END()
