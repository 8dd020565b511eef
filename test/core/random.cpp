// SPDX-License-Identifier: MIT
#include <odt/core/random.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <vector>

BOOST_AUTO_TEST_SUITE(random_tests)

// The known answers of the paper's reference code for philox4x32 with 10 rounds.
BOOST_AUTO_TEST_CASE(philox_known_answers) {
  using words = std::array<std::uint32_t, 4>;
  static_assert(odt::philox({0, 0, 0, 0}, {0, 0}) == words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t f = 0xffffffff;
  BOOST_TEST((odt::philox({f, f, f, f}, {f, f}) == words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

BOOST_AUTO_TEST_CASE(uniform_fills_its_range) {
  odt::random_stream stream(7, 3);
  float low = 1, high = 0;
  double sum = 0;
  for (int i = 0; i < 20000; ++i) {
    const float u = stream.uniform();
    low = std::min(low, u), high = std::max(high, u), sum += u;
  }
  BOOST_TEST(low >= 0.0f);
  BOOST_TEST(high < 1.0f);
  BOOST_TEST(sum / 20000 == 0.5, boost::test_tools::tolerance(0.02));
}

BOOST_AUTO_TEST_CASE(integers_leave_out_the_upper_end) {
  odt::random_stream stream(7);
  std::vector<int> counts(5);
  for (int i = 0; i < 5000; ++i) ++counts.at(static_cast<std::size_t>(stream.integer(0, 5)));
  for (const int count : counts) BOOST_TEST(count > 800);
  BOOST_TEST(stream.integer(3, 3) == 3);
}

BOOST_AUTO_TEST_CASE(truncated_normal_has_the_known_deviation) {
  odt::random_stream stream(1);
  double squares = 0;
  for (int i = 0; i < 20000; ++i) {
    const float x = stream.truncated_normal();
    BOOST_REQUIRE(std::abs(x) < 2.0f);
    squares += double{x} * x;
  }
  BOOST_TEST(std::sqrt(squares / 20000) == 0.8796, boost::test_tools::tolerance(0.02));
}

BOOST_AUTO_TEST_CASE(streams_differ_by_stage_and_number) {
  BOOST_TEST(odt::random_stream(1, 2, 3).bits() != odt::random_stream(1, 2, 4).bits());
  BOOST_TEST(odt::random_stream(1, 2, 3).bits() != odt::random_stream(1, 3, 3).bits());
  BOOST_TEST(odt::random_stream(1, 2, 3).bits() == odt::random_stream(1, 2, 3).bits());
}

BOOST_AUTO_TEST_SUITE_END()
