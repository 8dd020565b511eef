// SPDX-License-Identifier: MIT
#include <odt/optimizers/rms_prop.hpp>

#include <optimizers/golden_optimizer.hpp>

BOOST_AUTO_TEST_SUITE(rms_prop_tests)

BOOST_AUTO_TEST_CASE(steps_are_tensorflow_s, *odt::test::needs(odt::test::golden() / "units/optimizers/rms_prop")) {
  for (const auto& c : odt::test::golden_cases("optimizers/rms_prop"))
    odt::test::check_optimizer<odt::rms_prop>(c, {"rms", "momentum"});
}

BOOST_AUTO_TEST_CASE(the_first_step_divides_by_the_root_of_the_mean_square_and_epsilon) {
  // ms = 1 + 0.1 (4 - 1) = 1.3; step = 0.1 * 2 / sqrt(1.3 + 1).
  double value = 1;
  std::array<double, 2> slots{1, 0};
  odt::rms_prop{}.update(value, 2.0, 0.1, slots);
  BOOST_TEST(slots[0] == 1.3, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(slots[1] == 0.131876095, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(value == 1 - 0.131876095, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_SUITE_END()
