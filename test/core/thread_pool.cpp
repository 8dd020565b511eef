// SPDX-License-Identifier: MIT
#include <odt/core/thread_pool.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(thread_pool_tests)

BOOST_AUTO_TEST_CASE(every_chunk_runs_once) {
  for (const int threads : {1, 2, 3, 8, 20}) {
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

BOOST_AUTO_TEST_CASE(a_thread_that_is_held_up_delays_none_but_its_own_chunk) {
  odt::thread_pool pool(2);
  constexpr int chunks = 8;
  std::atomic<int> others{0};
  pool.run(chunks, [&](int chunk, int) {
    if (chunk != 0) {
      ++others;
      return;
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (others < chunks - 1 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    BOOST_TEST(others == chunks - 1);
  });
}

/// Many more threads than cores, so that most are away when a loop begins and come while later ones run.
BOOST_AUTO_TEST_CASE(threads_that_come_late_take_no_chunk_of_another_loop) {
  odt::thread_pool pool(16);
  for (int round = 0; round < 20000; ++round) {
    std::array<std::atomic<int>, 3> runs{};
    pool.run(3, [&](int chunk, int) { runs[static_cast<std::size_t>(chunk)] += round; });
    for (const auto& count : runs) BOOST_REQUIRE(count == round);
  }
}

BOOST_AUTO_TEST_SUITE_END()
