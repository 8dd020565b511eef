// SPDX-License-Identifier: MIT
#include <odt/io/histogram.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <limits>

BOOST_AUTO_TEST_SUITE(histogram_tests)

BOOST_AUTO_TEST_CASE(values_are_counted_between_the_limits_and_empty_buckets_joined) {
  const std::array<float, 5> values{0, 1.5e-12f, -1, -1, 3};
  const odt::histogram h(values);
  BOOST_TEST((h.min == -1 && h.max == 3 && h.num == 5));
  BOOST_TEST(h.sum == 1, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(h.sum_squares == 11, boost::test_tools::tolerance(1e-9));
  double counted = 0, before = -std::numeric_limits<double>::infinity();
  std::vector<double> found;
  for (const auto& [limit, count] : h.buckets) {
    BOOST_TEST(before < limit);
    if (count > 0) found.push_back(count);
    for (const float value : values)
      if (count == 0) BOOST_TEST(!(before <= value && value < limit));
    counted += count;
    before = limit;
  }
  BOOST_TEST(counted == 5);
  BOOST_TEST(found == (std::vector<double>{2, 1, 1, 1}), boost::test_tools::per_element());  // -1, 0, 1.5e-12, 3
  BOOST_TEST(h.buckets.size() <= 2 * found.size() + 1);
  BOOST_TEST(h.buckets.back().limit == std::numeric_limits<double>::max());
}

BOOST_AUTO_TEST_CASE(zero_lies_below_the_first_limit_above_it) {
  const std::array<float, 1> zero{0};
  const odt::histogram h(zero);
  BOOST_TEST_REQUIRE(h.buckets.size() == 3u);  // all below 0, 0, all above
  BOOST_TEST((h.buckets[0].limit == 0 && h.buckets[0].count == 0));
  BOOST_TEST((h.buckets[1].limit == 1e-12 && h.buckets[1].count == 1));
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_is_left_out) {
  const std::array<float, 2> values{std::numeric_limits<float>::quiet_NaN(), 2};
  const odt::histogram h(values);
  BOOST_TEST((h.num == 1 && h.min == 2 && h.max == 2));
}

BOOST_AUTO_TEST_SUITE_END()
