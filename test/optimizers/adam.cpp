// SPDX-License-Identifier: MIT
#include <odt/optimizers/adam.hpp>

#include <optimizers/golden_optimizer.hpp>

BOOST_AUTO_TEST_SUITE(adam_tests)

BOOST_AUTO_TEST_CASE(steps_are_tensorflow_s, *odt::test::needs(odt::test::golden() / "units/optimizers/adam")) {
  for (const auto& c : odt::test::golden_cases("optimizers/adam")) odt::test::check_optimizer<odt::adam>(c, {"m", "v"});
}

BOOST_AUTO_TEST_CASE(the_first_step_is_as_long_as_the_rate) {
  const odt::adam how;
  auto scalars = odt::initial_scalars<odt::adam>();
  for (const double gradient : {3.0, -0.01}) {
    double value = 1;
    std::array<double, 2> slots{0, 0};
    how.update(value, gradient, double{how.rate(0.1f, scalars)}, slots);
    BOOST_TEST(value == 1 - std::copysign(0.1, gradient), boost::test_tools::tolerance(1e-5));
  }
  how.advance(scalars);
  BOOST_TEST(scalars[0] == 0.81f, boost::test_tools::tolerance(1e-6f));
}

BOOST_AUTO_TEST_SUITE_END()
