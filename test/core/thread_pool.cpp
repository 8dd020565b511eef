// SPDX-License-Identifier: MIT
#include <odt/core/thread_pool.hpp>

#include <boost/test/unit_test.hpp>

#include <vector>

BOOST_AUTO_TEST_SUITE(thread_pool_tests)

BOOST_AUTO_TEST_CASE(every_chunk_runs_once) {
  for (const int threads : {1, 2, 3, 8}) {
    odt::thread_pool pool(threads);
    BOOST_TEST(pool.size() == threads);
    for (int round = 0; round < 200; ++round) {
      std::vector<int> runs(static_cast<std::size_t>(round), 0);
      pool.run(round, [&](int chunk, int thread) {
        ++runs[static_cast<std::size_t>(chunk)];
        if (thread < 0 || thread >= threads) runs[0] = 99;
      });
      for (const int count : runs) BOOST_REQUIRE(count == 1);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
