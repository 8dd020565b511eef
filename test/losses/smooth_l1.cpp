// SPDX-License-Identifier: MIT
#include <odt/losses/smooth_l1.hpp>

#include <losses/golden_loss.hpp>

BOOST_AUTO_TEST_SUITE(smooth_l1_tests)

BOOST_AUTO_TEST_CASE(costs_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/losses/weighted_smooth_l1")) {
  for (const auto& c : odt::test::golden_cases("losses/weighted_smooth_l1"))
    odt::test::check_loss(odt::weighted_smooth_l1{{.delta = c.params().at("delta").get<float>()}}, c);
}

BOOST_AUTO_TEST_CASE(an_image_that_is_masked_out_costs_nothing,
                     *odt::test::needs(odt::test::golden() / "units/losses/losses_mask")) {
  for (const auto& c : odt::test::golden_cases("losses/losses_mask"))
    if (!c.params().contains("ignore_nan_targets"))
      odt::test::check_loss(odt::weighted_smooth_l1{{.delta = c.params().at("delta").get<float>()}}, c);
    else
      BOOST_TEST_MESSAGE("SKIPPED, not supported (ignore_nan_targets): " << c.name());
}

BOOST_AUTO_TEST_CASE(errors_cost_their_square_and_beyond_delta_their_size) {
  const odt::weighted_smooth_l1 loss{{.delta = 2}};
  BOOST_TEST(loss.element(1.0, 2.0, 3.0).value == 1.5);
  BOOST_TEST(loss.element(1.0, 2.0, 3.0).gradient == -3);
  BOOST_TEST(loss.element(5.0, 0.0, 1.0).value == 8);
  BOOST_TEST(loss.element(5.0, 0.0, 1.0).gradient == 2);
}

BOOST_AUTO_TEST_SUITE_END()
