// SPDX-License-Identifier: MIT
#include <odt/core/log.hpp>
#include <odt/serve/batcher.hpp>

#include <scratch.hpp>
#include <serve/stub.hpp>

#include <atomic>
#include <future>
#include <thread>

using namespace std::chrono_literals;
using odt::detections;
using odt::serve::batch_options;
using odt::serve::batcher;
using odt::serve::code;
using odt::serve::prepared_image;
using odt::serve::status;

namespace {

constexpr auto never = odt::serve::clock::time_point::max();

std::vector<prepared_image> images(int count, float value = 0, odt::size2 size = {8, 8}) {
  prepared_image one{.size = size, .true_size = size, .original_size = size};
  one.pixels.assign(static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) * 3, value);
  return std::vector<prepared_image>(static_cast<std::size_t>(count), one);
}

using outcome = std::pair<status, std::vector<detections>>;

std::future<outcome> ask(batcher& b, std::vector<prepared_image> what, odt::serve::clock::time_point deadline = never,
                         std::function<bool()> cancelled = {}) {
  const auto answer = std::make_shared<std::promise<outcome>>();
  b.submit(
      std::move(what), deadline,
      [answer](const status& how, std::vector<detections> found) {
        answer->set_value({how, std::move(found)});
      },
      std::move(cancelled));
  return answer->get_future();
}

struct fixture {
  odt::test::stub_behaviour stub;
  odt::test::stub_detector model{stub};
  std::mutex turn;
  std::vector<int> sizes;
  odt::serve::batch_observer watch{.batch = [this](int size, double) { sizes.push_back(size); }};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(batcher_tests, fixture)

BOOST_AUTO_TEST_CASE(one_image) {
  batcher b(model, {}, turn);
  const auto [how, found] = ask(b, images(1, 51)).get();
  BOOST_TEST(how.ok());
  BOOST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found[0][0].score == 0.2f);
}

BOOST_AUTO_TEST_CASE(what_waits_becomes_one_batch) {
  {
    batcher b(model, {.max_batch_size = 8}, turn, watch);
    std::vector<std::future<outcome>> all;
    {
      const std::lock_guard held(turn);  // the first batch waits for it, the others gather behind
      all.push_back(ask(b, images(1)));
      std::this_thread::sleep_for(50ms);
      for (int i = 0; i < 13; ++i) all.push_back(ask(b, images(1, static_cast<float>(i))));
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto [how, found] = all[i].get();
      BOOST_TEST(how.ok());
      if (i > 0) BOOST_TEST(found[0][0].score == static_cast<float>(i - 1) / 255);
    }
  }
  BOOST_TEST(sizes == (std::vector<int>{1, 8, 4, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_request_over_several_batches) {
  batcher b(model, {.max_batch_size = 4}, turn);
  const auto [how, found] = ask(b, images(11, 255)).get();
  BOOST_TEST(how.ok());
  BOOST_REQUIRE(found.size() == 11u);
  for (const auto& one : found) BOOST_TEST(one[0].score == 1);
  BOOST_TEST(stub.images == 11);
}

BOOST_AUTO_TEST_CASE(batches_have_one_size_of_images) {
  {
    batcher b(model, {.max_batch_size = 8}, turn, watch);
    std::vector<std::future<outcome>> all;
    {
      const std::lock_guard held(turn);
      all.push_back(ask(b, images(1)));
      std::this_thread::sleep_for(50ms);
      for (int i = 0; i < 4; ++i) all.push_back(ask(b, images(1, 1, i % 2 ? odt::size2{8, 16} : odt::size2{16, 8})));
    }
    for (auto& one : all) BOOST_TEST(one.get().first.ok());
  }
  BOOST_TEST(sizes == (std::vector<int>{1, 2, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(smallest_batches_are_filled_up) {
  batcher b(model, {.max_batch_size = 8, .allowed_batch_sizes = {4, 8}}, turn);
  const auto [how, found] = ask(b, images(3, 255)).get();
  BOOST_TEST(found.size() == 3u);
  BOOST_TEST(stub.images == 4);
}

BOOST_AUTO_TEST_CASE(waiting_for_others) {
  batcher b(model, {.max_batch_size = 4, .timeout_micros = 2'000'000}, turn, watch);
  auto first = ask(b, images(1));
  BOOST_TEST((first.wait_for(100ms) == std::future_status::timeout));
  auto rest = ask(b, images(3));  // a whole batch waits no longer
  BOOST_TEST((first.wait_for(1s) == std::future_status::ready));
  BOOST_TEST(rest.get().first.ok());
  BOOST_TEST(stub.batches == 1);
}

BOOST_AUTO_TEST_CASE(the_queue_is_bounded) {
  batcher b(model, {.max_batch_size = 2, .max_enqueued_batches = 2}, turn);
  std::vector<std::future<outcome>> all;
  {
    const std::lock_guard held(turn);
    all.push_back(ask(b, images(1)));
    std::this_thread::sleep_for(50ms);
    for (int i = 0; i < 4; ++i) all.push_back(ask(b, images(1)));
    try {
      ask(b, images(1));
      BOOST_ERROR("the queue has no end");
    } catch (const odt::serve::failure& wrong) {
      BOOST_TEST((wrong.as_status().what == code::resource_exhausted));
    }
    BOOST_TEST(b.waiting() == 4u);
  }
  for (auto& one : all) BOOST_TEST(one.get().first.ok());
  BOOST_CHECK_THROW(ask(b, images(5)), odt::serve::failure);
}

BOOST_AUTO_TEST_CASE(deadlines_and_clients_that_went_away) {
  batcher b(model, {}, turn);
  std::vector<std::future<outcome>> all;
  {
    const std::lock_guard held(turn);
    all.push_back(ask(b, images(1)));
    std::this_thread::sleep_for(50ms);
    all.push_back(ask(b, images(9), odt::serve::clock::now() + 20ms));
    all.push_back(ask(b, images(2), never, [] { return true; }));
    all.push_back(ask(b, images(1), odt::serve::clock::now() + 1h, [] { return false; }));
    std::this_thread::sleep_for(50ms);
  }
  BOOST_TEST(all[0].get().first.ok());
  BOOST_TEST((all[1].get().first.what == code::deadline_exceeded));
  BOOST_TEST((all[2].get().first.what == code::cancelled));
  BOOST_TEST(all[3].get().first.ok());
  BOOST_TEST(stub.images == 2);
}

BOOST_AUTO_TEST_CASE(a_batch_that_fails) {
  odt::set_log_sink([](odt::log_level, std::string_view) {});
  batcher b(model, {.max_batch_size = 2}, turn);
  stub.fails = true;
  const auto [how, found] = ask(b, images(3)).get();
  BOOST_TEST((how.what == code::internal));
  BOOST_TEST(how.message == "the stub fails");
  BOOST_TEST(found.empty());
  stub.fails = false;
  BOOST_TEST(ask(b, images(1)).get().first.ok());
  odt::set_log_sink({});
}

BOOST_AUTO_TEST_CASE(the_end_answers_what_waits) {
  std::future<outcome> first, second;
  stub.milliseconds = 100;
  {
    batcher b(model, {.max_batch_size = 1}, turn);
    first = ask(b, images(1));
    std::this_thread::sleep_for(30ms);
    second = ask(b, images(1));
  }
  BOOST_TEST(first.get().first.ok());
  BOOST_TEST((second.get().first.what == code::unavailable));
}

BOOST_AUTO_TEST_CASE(warm_up_makes_every_batch) {
  batcher b(model, {.max_batch_size = 6}, turn);
  b.warm_up();
  BOOST_TEST(stub.batches == 4);
  BOOST_TEST(stub.images == 1 + 2 + 4 + 6);
}

BOOST_AUTO_TEST_CASE(many_threads) {
  batcher b(model, {}, turn);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&, i] {
      for (int k = 0; k < 30; ++k) {
        const float value = static_cast<float>((i * 30 + k) % 256);
        const auto [how, found] = ask(b, images(1 + k % 3, value)).get();
        good += how.ok() && found.back()[0].score == value / 255;
      }
    });
  for (auto& one : threads) one.join();
  BOOST_TEST(good == 480);
}

BOOST_AUTO_TEST_SUITE_END()
