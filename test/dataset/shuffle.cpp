// SPDX-License-Identifier: MIT
#include <odt/dataset/shuffle.hpp>

#include <boost/test/unit_test.hpp>
#include <map>
#include <vector>

BOOST_AUTO_TEST_SUITE(shuffle_tests)

namespace {

std::vector<std::uint64_t> order(std::uint64_t seed, std::uint64_t epoch, std::uint64_t size) {
  std::vector<std::uint64_t> result;
  for (std::uint64_t i = 0; i < size; ++i) result.push_back(odt::shuffled(seed, epoch, size, i));
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_epoch_has_every_example_once) {
  for (const std::uint64_t size : {1u, 2u, 3u, 7u, 16u, 17u, 255u, 256u, 257u, 1000u, 5011u}) {
    std::vector<int> seen(size);
    for (const std::uint64_t i : order(3, 5, size)) ++seen.at(i);
    for (const int times : seen) BOOST_REQUIRE(times == 1);
  }
}

BOOST_AUTO_TEST_CASE(seeds_and_epochs_have_orders_of_their_own) {
  BOOST_TEST(order(1, 0, 50) == order(1, 0, 50), boost::test_tools::per_element());
  BOOST_TEST((order(1, 0, 50) != order(1, 1, 50)));
  BOOST_TEST((order(1, 0, 50) != order(2, 0, 50)));
}

BOOST_AUTO_TEST_CASE(all_orders_of_four_are_equally_frequent) {
  std::map<std::vector<std::uint64_t>, int> counts;
  const int epochs = 24000;
  for (std::uint64_t epoch = 0; epoch < epochs; ++epoch) ++counts[order(9, epoch, 4)];
  BOOST_REQUIRE(counts.size() == 24);
  double chi_squared = 0;
  for (const auto& [_, n] : counts) chi_squared += (n - 1000.0) * (n - 1000.0) / 1000.0;
  BOOST_TEST(chi_squared < 49.7);  // 23 degrees of freedom, one in a thousand
}

BOOST_AUTO_TEST_CASE(sets_beyond_32_bits_work) {
  const std::uint64_t size = (std::uint64_t{1} << 33) + 5;
  BOOST_TEST(odt::shuffled(1, 2, size, size - 1) < size);
  BOOST_TEST(odt::shuffled(1, 2, size, 0) != odt::shuffled(1, 2, size, 1));
}

BOOST_AUTO_TEST_SUITE_END()
