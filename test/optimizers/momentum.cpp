// SPDX-License-Identifier: MIT
#include <odt/optimizers/momentum.hpp>

#include <optimizers/golden_optimizer.hpp>

BOOST_AUTO_TEST_SUITE(momentum_tests)

BOOST_AUTO_TEST_CASE(steps_are_tensorflow_s, *odt::test::needs(odt::test::golden() / "units/optimizers/momentum")) {
  for (const auto& c : odt::test::golden_cases("optimizers/momentum"))
    odt::test::check_optimizer<odt::momentum>(c, {"momentum"});
}

BOOST_AUTO_TEST_CASE(steps_accumulate) {
  double value = 1;
  std::array<double, 1> slots{0};
  odt::momentum{}.update(value, 2.0, 0.1, slots);
  BOOST_TEST(value == 0.8, boost::test_tools::tolerance(1e-6));
  odt::momentum{}.update(value, 2.0, 0.1, slots);
  BOOST_TEST(slots[0] == 3.8, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(value == 0.42, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_SUITE_END()
