// SPDX-License-Identifier: MIT
#include <odt/losses/l2.hpp>

#include <losses/golden_loss.hpp>

BOOST_AUTO_TEST_SUITE(l2_tests)

BOOST_AUTO_TEST_CASE(costs_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/losses/weighted_l2")) {
  for (const auto& c : odt::test::golden_cases("losses/weighted_l2")) odt::test::check_loss(odt::weighted_l2{}, c);
}

BOOST_AUTO_TEST_CASE(the_weight_is_squared_with_the_error) {
  const auto term = odt::weighted_l2{}.element(5.0, 2.0, 0.5);
  BOOST_TEST(term.value == 1.125);
  BOOST_TEST(term.gradient == 0.75);
}

BOOST_AUTO_TEST_SUITE_END()
