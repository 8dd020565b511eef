// SPDX-License-Identifier: MIT
#include <odt/losses/bootstrapped_sigmoid.hpp>

#include <losses/golden_loss.hpp>

BOOST_AUTO_TEST_SUITE(bootstrapped_sigmoid_tests)

BOOST_AUTO_TEST_CASE(costs_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/losses/bootstrapped_sigmoid")) {
  for (const auto& c : odt::test::golden_cases("losses/bootstrapped_sigmoid"))
    odt::test::check_loss((odt::bootstrapped_sigmoid{{.alpha = c.params().at("alpha").get<float>(),
                                                      .hard_bootstrap = c.params().at("hard_bootstrap").get<bool>()}}),
                          c);
}

BOOST_AUTO_TEST_CASE(full_trust_in_the_labels_is_the_plain_cross_entropy) {
  const auto term = odt::bootstrapped_sigmoid{{.alpha = 1}}.element(0.0, 1.0, 1.0);
  BOOST_TEST(term.value == 0.69314718056, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(term.gradient == -0.5, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_SUITE_END()
