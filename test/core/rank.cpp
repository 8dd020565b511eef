// SPDX-License-Identifier: MIT
#include <odt/core/rank.hpp>

#include <boost/test/unit_test.hpp>

#include <limits>

BOOST_AUTO_TEST_SUITE(rank_tests)

BOOST_AUTO_TEST_CASE(ranks_rise_as_scores_fall_and_ties_go_by_index) {
  constexpr float infinity = std::numeric_limits<float>::infinity(), tiny = std::numeric_limits<float>::denorm_min();
  const float falling[] = {infinity, 1e30f, 1, .5f, tiny, 0, -tiny, -.5f, -1, -1e30f, -infinity};
  odt::rank_key before = 0;
  for (const float score : falling)
    for (const unsigned index : {0u, 7u, 0xffffffffu}) {
      const odt::rank_key key = odt::rank_of(score, index);
      BOOST_TEST(key > before);
      BOOST_TEST(odt::ranked_index(key) == index);
      BOOST_TEST(key < odt::no_rank);
      before = key;
    }
  BOOST_TEST(odt::rank_of(-0.0f, 3) == odt::rank_of(0.0f, 3));
}

BOOST_AUTO_TEST_SUITE_END()
