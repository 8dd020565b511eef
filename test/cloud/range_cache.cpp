// SPDX-License-Identifier: MIT
#include <odt/cloud/range_cache.hpp>

#include <scratch.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using odt::cloud::range_cache;

std::string content_of(std::uint64_t offset, std::uint64_t size) {
  std::string content(size, '\0');
  for (std::uint64_t i = 0; i < size; ++i) content[i] = static_cast<char>((offset + i) * 2654435761u >> 7);
  return content;
}

/// Counts what is fetched.
struct far_away {
  std::atomic<int> fetches{0}, fails{0};
  std::atomic<std::uint64_t> bytes{0};

  range_cache::fetch fetch() {
    return [this](std::uint64_t offset, std::uint64_t size) {
      ++fetches;
      bytes += size;
      if (fails.load() > 0 && fails-- > 0) odt::fail("the line is cut");
      return content_of(offset, size);
    };
  }
};

std::string read(range_cache::object& object, std::uint64_t offset, std::uint64_t size) {
  std::string out(size, '\0');
  out.resize(object.read(offset, out));
  return out;
}

void wait_for(const auto& condition) {
  for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  BOOST_TEST(condition());
}

constexpr std::uint64_t object_bytes = 40'000'000;

}  // namespace

BOOST_AUTO_TEST_SUITE(range_cache_tests)

BOOST_AUTO_TEST_CASE(any_read_gives_the_bytes_of_its_place) {
  far_away from;
  range_cache cache({.bytes = 4 << 20, .threads = 3});
  range_cache::object object(cache, object_bytes, from.fetch());
  std::minstd_rand random(1);
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t offset = random() % object_bytes, size = random() % 300'000;
    if (i % 3 == 0) object.expect(random() % object_bytes, size);
    BOOST_TEST((read(object, offset, size) == content_of(offset, std::min(size, object_bytes - offset))));
    BOOST_TEST(cache.bytes() <= 4u << 20);
  }
  BOOST_TEST(read(object, object_bytes, 10).empty());
}

BOOST_AUTO_TEST_CASE(what_was_expected_is_fetched_once) {
  far_away from;
  range_cache cache({.bytes = 4 << 20, .threads = 3});
  range_cache::object object(cache, object_bytes, from.fetch());
  for (int i = 0; i < 10; ++i) object.expect(1'000'000 * i, 100'000);
  wait_for([&] { return from.fetches == 10; });
  for (int i = 0; i < 10; ++i) BOOST_TEST((read(object, 1'000'000 * i, 100'000) == content_of(1'000'000 * i, 100'000)));
  BOOST_TEST(from.fetches == 10);
  BOOST_TEST(from.bytes == 1'000'000u);
}

BOOST_AUTO_TEST_CASE(small_reads_in_order_are_few_fetches) {
  far_away from;
  range_cache cache({.bytes = 32 << 20, .threads = 3});
  range_cache::object object(cache, object_bytes, from.fetch());
  for (std::uint64_t at = 0; at + 16 <= object_bytes; at += 30'000)
    BOOST_TEST((read(object, at, 16) == content_of(at, 16)));
  BOOST_TEST(from.fetches < 20);
  BOOST_TEST(from.bytes <= object_bytes);
}

BOOST_AUTO_TEST_CASE(reads_here_and_there_bring_little_besides) {
  far_away from;
  range_cache cache;
  range_cache::object object(cache, object_bytes, from.fetch());
  for (const std::uint64_t at : {30'000'000, 10'000'000, 20'000'000, 5'000'000}) read(object, at, 100'000);
  BOOST_TEST(from.fetches == 4);
  BOOST_TEST(from.bytes == 400'000u);
}

BOOST_AUTO_TEST_CASE(expectations_without_room_are_dropped) {
  far_away from;
  range_cache cache({.bytes = 1 << 20, .threads = 2});
  range_cache::object object(cache, object_bytes, from.fetch());
  for (int i = 0; i < 30; ++i) object.expect(1'000'000 * i, 300'000);
  BOOST_TEST(cache.bytes() <= 1u << 20);
  for (int i = 0; i < 30; ++i) BOOST_TEST((read(object, 1'000'000 * i, 300'000) == content_of(1'000'000 * i, 300'000)));
}

BOOST_AUTO_TEST_CASE(an_error_comes_through_and_does_not_stay) {
  far_away from;
  range_cache cache;
  range_cache::object object(cache, object_bytes, from.fetch());
  from.fails = 1;
  BOOST_CHECK_EXCEPTION(read(object, 0, 100), odt::error, odt::test::says("cut"));
  BOOST_TEST((read(object, 0, 100) == content_of(0, 100)));
  from.fails = 1;  // of what nobody has asked for yet
  object.expect(1'000'000, 100);
  wait_for([&] { return from.fails == 0; });
  BOOST_TEST((read(object, 1'000'000, 100) == content_of(1'000'000, 100)));
}

BOOST_AUTO_TEST_CASE(what_is_forgotten_is_fetched_again) {
  far_away from;
  range_cache cache;
  range_cache::object object(cache, object_bytes, from.fetch());
  read(object, 5'000'000, 100'000);
  object.forget(5'000'000, 100'000);
  BOOST_TEST(cache.bytes() == 0u);
  read(object, 5'000'000, 100'000);
  BOOST_TEST(from.fetches == 2);
}

BOOST_AUTO_TEST_CASE(many_threads_and_objects) {
  far_away from;
  range_cache cache({.bytes = 2 << 20, .threads = 4});
  std::vector<std::jthread> threads;
  std::atomic<int> wrong{0};
  for (unsigned t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      std::minstd_rand random(t + 1);
      for (int round = 0; round < 5; ++round) {
        range_cache::object object(cache, 3'000'000, from.fetch());
        for (int i = 0; i < 60; ++i) {
          const std::uint64_t offset = random() % 2'900'000, size = random() % 90'000;
          object.expect(random() % 2'900'000, 50'000);
          if (read(object, offset, size) != content_of(offset, size)) ++wrong;
        }
      }
    });
  threads.clear();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(cache.bytes() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
