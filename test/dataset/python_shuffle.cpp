// SPDX-License-Identifier: MIT
#include <odt/dataset/python_shuffle.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <numeric>
#include <vector>

namespace {

/// Of 0, 1, ..., n - 1.
std::vector<int> order(int n, std::uint32_t seed) {
  std::vector<int> list(static_cast<std::size_t>(n));
  std::iota(list.begin(), list.end(), 0);
  odt::python_shuffle(list, seed);
  return list;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(python_shuffle_tests)

BOOST_AUTO_TEST_CASE(orders_are_pythons) {  // random.seed(seed); random.shuffle(list) of CPython 3
  const std::vector<int> five{3, 1, 2, 4, 0},
      twenty{19, 5, 14, 4, 9, 13, 15, 18, 6, 12, 17, 10, 1, 11, 2, 16, 7, 8, 0, 3},
      seven{17, 15, 11, 18, 7, 6, 19, 3, 14, 0, 9, 5, 16, 8, 13, 2, 1, 12, 4, 10};
  BOOST_TEST(order(5, 42) == five, boost::test_tools::per_element());
  BOOST_TEST(order(20, 42) == twenty, boost::test_tools::per_element());
  BOOST_TEST(order(20, 7) == seven, boost::test_tools::per_element());
  BOOST_TEST(order(1, 42) == std::vector<int>{0}, boost::test_tools::per_element());
  BOOST_TEST(order(0, 42).empty());
}

BOOST_AUTO_TEST_CASE(the_order_of_all_pets_is_pythons) {
  const std::vector<int> list = order(3680, 42);
  const std::vector<int> first{2828, 1735, 599, 351, 1797, 1067, 1708, 3455, 3584, 1009};
  BOOST_TEST(std::vector<int>(list.begin(), list.begin() + 10) == first, boost::test_tools::per_element());
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < list.size(); ++i) sum += static_cast<std::int64_t>(i) * list[i];
  BOOST_TEST(sum == 12387709744);
}

BOOST_AUTO_TEST_SUITE_END()
