// SPDX-License-Identifier: MIT
#include <odt/losses/l1.hpp>

#include <losses/golden_loss.hpp>

BOOST_AUTO_TEST_SUITE(l1_tests)

BOOST_AUTO_TEST_CASE(costs_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/losses/l1_localization_loss")) {
  for (const auto& c : odt::test::golden_cases("losses/l1_localization_loss"))
    odt::test::check_loss(odt::l1_localization_loss{}, c);
}

BOOST_AUTO_TEST_CASE(a_right_prediction_has_no_gradient) {
  BOOST_TEST(odt::l1_localization_loss{}.element(2.0f, 2.0f, 1.0f).gradient == 0);
  BOOST_TEST(odt::l1_localization_loss{}.element(1.0f, 2.0f, 0.5f).gradient == -0.5f);
}

BOOST_AUTO_TEST_SUITE_END()
