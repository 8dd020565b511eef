// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/machine/simd.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <cstdint>

BOOST_AUTO_TEST_SUITE(simd_tests)

namespace cpu = odt::cpu;

BOOST_AUTO_TEST_CASE(reductions_see_every_lane) {
  const cpu::vec v = cpu::iota();
  constexpr float last = cpu::lanes - 1;
  BOOST_TEST(cpu::sum(v) == last * cpu::lanes / 2);
  BOOST_TEST(cpu::largest(v) == last);
  BOOST_TEST(cpu::largest(-v) == 0);
  BOOST_TEST(cpu::smallest(v - cpu::vec(3.f)) == -3);
}

BOOST_AUTO_TEST_CASE(bits_name_the_lanes_of_a_mask) {
  for (int lane = 0; lane < cpu::lanes; ++lane)
    BOOST_TEST(cpu::bits(cpu::iota() == cpu::vec(static_cast<float>(lane))) == std::uint32_t{1} << lane);
}

BOOST_AUTO_TEST_CASE(parts_leave_the_rest_alone) {
  for (int count = 0; count < cpu::lanes; ++count) {
    float values[cpu::lanes + 1];
    for (float& value : values) value = 7;
    cpu::store_part(values, cpu::iota(), count);
    for (int i = 0; i <= cpu::lanes; ++i) BOOST_TEST(values[i] == (i < count ? static_cast<float>(i) : 7.f));
    const cpu::vec back = cpu::load_part(values, count, -1);
    const auto all = (std::uint64_t{1} << cpu::lanes) - 1, filled = (std::uint64_t{1} << count) - 1;
    BOOST_TEST(cpu::bits(back == cpu::vec(-1.f)) == static_cast<std::uint32_t>(all & ~filled));
  }
}

BOOST_AUTO_TEST_CASE(division_and_root_are_rounded_once) {
  for (const float divisor : {3.f, 7.f, 1e-30f, 1e30f}) {
    float quotients[cpu::lanes], roots[cpu::lanes];
    cpu::store(quotients, (cpu::iota() + 1.f) / cpu::vec(divisor));
    cpu::store(roots, sqrt(cpu::iota() / cpu::vec(divisor)));
    for (int i = 0; i < cpu::lanes; ++i) {
      BOOST_TEST(quotients[i] == static_cast<float>(i + 1) / divisor);
      BOOST_TEST(roots[i] == std::sqrt(static_cast<float>(i) / divisor));
    }
  }
}

BOOST_AUTO_TEST_CASE(padding_rounds_up_to_whole_vectors) {
  BOOST_TEST(cpu::padded(0) == 0);
  BOOST_TEST(cpu::padded(1) == cpu::lanes);
  BOOST_TEST(cpu::padded(cpu::lanes) == cpu::lanes);
}

BOOST_AUTO_TEST_CASE(a_second_nan_stays_one) {
  const cpu::vec nan(std::nanf("")), one(1.f);
  BOOST_TEST(std::isnan(cpu::sum(cpu::larger(one, nan))));
  BOOST_TEST(std::isnan(cpu::sum(cpu::smaller(one, nan))));
  BOOST_TEST(cpu::largest(cpu::larger(one, cpu::iota())) == cpu::lanes - 1);
  BOOST_TEST(cpu::smallest(cpu::larger(one, cpu::iota())) == 1);
  BOOST_TEST(cpu::largest(cpu::smaller(one, cpu::iota())) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
