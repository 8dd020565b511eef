// SPDX-License-Identifier: MIT
#include <odt/core/past_caches.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <numeric>

BOOST_AUTO_TEST_SUITE(past_caches)

BOOST_AUTO_TEST_CASE(vectors_arrive_where_they_were_stored_and_nowhere_else) {
  alignas(64) float from[32], to[48] = {};
  std::iota(from, from + 32, 1.0f);
  int stored = 0;
#if defined(__AVX512F__)
  odt::store_past_caches(to + 16, _mm512_load_ps(from)), stored = 16;
#elif defined(__AVX__)
  odt::store_past_caches(to + 16, _mm256_load_ps(from)), stored = 8;
#else
  BOOST_TEST_MESSAGE("SKIPPED: there are no such stores without AVX");
#endif
  odt::finish_stores();
  BOOST_TEST(std::equal(from, from + stored, to + 16));
  BOOST_TEST(std::all_of(to, to + 16, [](float x) { return x == 0; }));
  BOOST_TEST(std::all_of(to + 16 + stored, to + 48, [](float x) { return x == 0; }));
}

BOOST_AUTO_TEST_SUITE_END()
