// SPDX-License-Identifier: MIT
#include "distributed/thread_transport.hpp"

#include <odt/core/random.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

namespace {

using odt::test::run_ranks;

constexpr std::size_t length = 1000;

std::vector<float> gradients_of(int rank) {
  odt::random_stream random(static_cast<std::uint64_t>(rank) + 1);
  std::vector<float> values(length);
  for (float& v : values) v = random.normal() * (rank % 2 == 0 ? 1e4f : 1);
  return values;
}

/// The sum over the ranks, by the tree that the ranks promise.
std::vector<float> expected(int ranks) {
  odt::pairwise_sum<float> sum;
  for (int r = 0; r + 1 < ranks; ++r) sum.add(gradients_of(r));
  std::vector<float> all = gradients_of(ranks - 1);
  sum.finish(all, 0, length);
  return all;
}

}  // namespace

namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_SUITE(bucket_communicator_tests)

BOOST_DATA_TEST_CASE(sums_are_those_of_the_tree, data::make({1, 2, 3, 4, 5, 8}) * data::make({1ul, 7ul, 64ul, 5000ul}),
                     ranks, bucket) {
  const std::vector<float> wanted = expected(ranks);
  std::mutex mutex;
  run_ranks(ranks, bucket, [&](odt::communicator& c) {
    for (int step = 0; step < 2; ++step) {
      std::vector<float> mine = gradients_of(c.rank());
      for (const std::size_t end : {std::size_t{3}, std::size_t{300}, std::size_t{301}, length})
        c.finished(std::span(mine).first(end));
      c.wait();
      const std::lock_guard lock(mutex);
      BOOST_TEST((mine == wanted));
    }
  });
}

BOOST_AUTO_TEST_CASE(all_exchange_the_same_buckets_whenever_they_are_finished) {
  std::vector<std::vector<std::string>> done(2);
  odt::test::meeting all(2);
  const auto run = [&](int rank, std::vector<std::size_t> ends) {
    odt::test::thread_transport transport(all, rank);
    {
      odt::bucket_communicator c(transport, 100);
      c.begin(7);
      std::vector<float> mine = gradients_of(rank);
      for (const std::size_t end : ends) c.finished(std::span(mine).first(end));
      c.wait();
    }
    done[static_cast<std::size_t>(rank)] = transport.done;
  };
  std::thread other(run, 1, std::vector<std::size_t>{length});
  run(0, {50, 99, 100, 450, 730, length});
  other.join();
  BOOST_TEST((done[0] == done[1]));
  BOOST_TEST(done[0].size() == 20u);
  BOOST_TEST(done[0].back() == "in bucket 9 of step 7");
}

BOOST_AUTO_TEST_CASE(what_each_gives_is_gathered_in_order) {
  std::mutex mutex;
  run_ranks(3, 10, [&](odt::communicator& c) {
    const auto all = c.gather(std::string(static_cast<std::size_t>(c.rank()), 'x'));
    const std::lock_guard lock(mutex);
    BOOST_TEST((all == std::vector<std::string>{"", "x", "xx"}));
  });
}

BOOST_AUTO_TEST_CASE(numbers_are_summed_over_the_ranks) {
  std::mutex mutex;
  run_ranks(4, 10, [&](odt::communicator& c) {
    std::vector<double> numbers{c.rank() + 1.0, -0.5};
    odt::sum_over_ranks(&c, numbers);
    const std::lock_guard lock(mutex);
    BOOST_TEST((numbers == std::vector<double>{10, -2}));
  });
}

/// For who waits for the ranks in another way, as for their GPUs.
BOOST_AUTO_TEST_CASE(while_it_is_watched_the_transport_looks_whether_the_others_live) {
  struct quiet final : odt::transport {
    int rank() const override { return 0; }
    int ranks() const override { return 2; }
    void exchange(std::span<const std::span<const char>>, std::span<const std::span<char>>,
                  const std::string&) override {}
    void idle() override { ++idle_rounds; }
    void watch(const std::string& doing) override { doing == "in step 5" ? ++watched_rounds : ++wrong_rounds; }
    double timeout() const override { return 7; }
    std::atomic<int> idle_rounds{0}, watched_rounds{0}, wrong_rounds{0};
  };
  const auto rises = [](const std::atomic<int>& rounds) {
    for (const int before = rounds; rounds == before;) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  };
  quiet transport;
  odt::bucket_communicator c(transport);
  BOOST_TEST(c.timeout() == 7);
  rises(transport.idle_rounds);
  BOOST_TEST(transport.watched_rounds == 0);
  c.watch("in step 5");
  rises(transport.watched_rounds);
  c.watch({});
  rises(transport.idle_rounds);
  BOOST_TEST(transport.wrong_rounds == 0);
}

BOOST_AUTO_TEST_CASE(a_transport_that_fails_fails_whoever_waits) {
  struct broken final : odt::transport {
    int rank() const override { return 0; }
    int ranks() const override { return 2; }
    void exchange(std::span<const std::span<const char>>, std::span<const std::span<char>>,
                  const std::string& doing) override {
      throw std::runtime_error("no answer " + doing);
    }
  };
  broken transport;
  odt::bucket_communicator c(transport);
  std::vector<float> mine(10);
  c.begin(3);
  c.finished(mine);
  BOOST_CHECK_EXCEPTION(c.wait(), std::runtime_error,
                        [](const auto& e) { return std::string(e.what()) == "no answer in bucket 0 of step 3"; });
  BOOST_CHECK_THROW(c.gather("x"), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
