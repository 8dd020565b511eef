// SPDX-License-Identifier: MIT
#include <odt/optimizers/momentum.hpp>
#include <odt/optimizers/rms_prop.hpp>
#include <optimizers/golden_optimizer.hpp>

BOOST_AUTO_TEST_SUITE(moving_average_tests)

BOOST_AUTO_TEST_CASE(averages_are_tensorflow_s,
                     *odt::test::needs(odt::test::golden() / "units/optimizers/moving_average")) {
  for (const auto& c : odt::test::golden_cases("optimizers/moving_average"))
    if (c.params().contains("rms_prop_optimizer"))
      odt::test::check_optimizer<odt::rms_prop>(c, {"rms", "momentum"});
    else
      odt::test::check_optimizer<odt::momentum>(c, {"momentum"});
}

BOOST_AUTO_TEST_SUITE_END()
