// SPDX-License-Identifier: MIT
#include <odt/exec/recently_used.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <vector>

namespace {

using numbers = odt::recently_used<int, 3>;

std::vector<int> all(const numbers& kept) {
  std::vector<int> values;
  for (const auto& one : kept) values.push_back(*one);
  return values;
}

int* find(numbers& kept, int wanted) {
  return kept.find([wanted](int one) { return one == wanted; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recently_used_tests)

BOOST_AUTO_TEST_CASE(what_was_used_longest_ago_goes_first) {
  numbers kept;
  std::vector<int> gone;
  const auto add = [&](int one) { kept.add(std::make_unique<int>(one), [&gone](int old) { gone.push_back(old); }); };
  add(1), add(2), add(3);
  BOOST_TEST(find(kept, 1) != nullptr);
  BOOST_TEST(find(kept, 9) == nullptr);
  add(4);
  BOOST_TEST(gone == std::vector{2}, boost::test_tools::per_element());
  BOOST_TEST(all(kept) == (std::vector{3, 1, 4}), boost::test_tools::per_element());
  add(5), add(6);
  BOOST_TEST(gone == (std::vector{2, 3, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_kept_stays_where_it_is) {
  numbers kept;
  const int* const first = &kept.add(std::make_unique<int>(1));
  for (int i = 2; i < 9; ++i) {
    kept.add(std::make_unique<int>(i));
    BOOST_TEST(find(kept, 1) == first);
  }
  kept.clear();
  BOOST_TEST(kept.size() == 0u);
  BOOST_TEST(find(kept, 1) == nullptr);
}

BOOST_AUTO_TEST_CASE(the_largest_are_what_is_kept_at_most) {
  BOOST_TEST(odt::sum_of_kept({3, 9, 1, 5}, 2) == 14u);
  BOOST_TEST(odt::sum_of_kept({3, 9}, 3) == 12u);
  BOOST_TEST(odt::sum_of_kept({}) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
