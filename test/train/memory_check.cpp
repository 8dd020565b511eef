// SPDX-License-Identifier: MIT
#include <odt/core/log.hpp>
#include <odt/core/random.hpp>
#include <odt/train/benchmark.hpp>
#include <odt/train/memory_check.hpp>

#include "any_faster_rcnn.hpp"
#include "any_ssd.hpp"
#include "train/toy_detector.hpp"

#include <boost/test/unit_test.hpp>

#include <variant>
#include <vector>

namespace odt::test {
namespace {

/// Needs 100 bytes, and 10 an image of the largest step.
struct hungry_detector final : toy_detector {
  memory_forecast there{0, 200, true};

  memory_forecast foresee(std::span<const step_shape> steps) const override {
    memory_forecast f = there;
    for (const step_shape& s : steps) f.needed = std::max<std::int64_t>(f.needed, 100 + 10 * s.batch);
    return f;
  }
};

std::vector<step_shape> steps_of(int train, int evaluation) {
  return {{train, {8, 8}, 3, true}, {evaluation, {8, 8}, 3, false}};
}

/// What it throws; empty when nothing.
std::string refusal(const detector& d, int train, int evaluation) {
  try {
    check_memory(d, steps_of(train, evaluation));
    return {};
  } catch (const error& e) {
    return e.what();
  }
}

BOOST_AUTO_TEST_SUITE(memory_check_tests)

BOOST_AUTO_TEST_CASE(bisection_finds_the_last_that_fits) {
  for (int limit = 0; limit <= 40; ++limit)
    for (int most = 0; most <= 40; ++most)
      BOOST_TEST(largest_fitting(most, [limit](int n) { return n <= limit; }) == std::min(limit, most));
  int asked = 0;
  BOOST_TEST(largest_fitting(1 << 30, [&asked](int n) { return ++asked, n <= 12345; }) == 12345);
  BOOST_TEST(asked <= 31);
}

BOOST_AUTO_TEST_CASE(what_fits_is_told_in_a_line) {
  hungry_detector d;
  BOOST_TEST(check_memory(d, steps_of(10, 1)) ==
             "  memory needed in all: 200 bytes (200 bytes), free: 200 bytes, on the GPU");
  BOOST_TEST(check_memory(toy_detector(), steps_of(10, 1)).empty());
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused_with_the_largest_batch) {
  hungry_detector d;
  const std::string why = refusal(d, 64, 1);
  BOOST_TEST_CONTEXT(why) {
    BOOST_TEST(why.find("batch_size of 64 needs 740 bytes") != std::string::npos);
    BOOST_TEST(why.find("200 bytes (200 bytes) are free") != std::string::npos);
    BOOST_TEST(why.find("the largest that fits is 10") != std::string::npos);
  }
  BOOST_TEST(refusal(d, 8, 64).find("not even a batch_size of 1") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_machine_that_may_swap_is_warned_of) {
  hungry_detector d;
  d.there.on_gpu = false;
  BOOST_TEST(refusal(d, 64, 1).empty());
  d.there.available = 0;
  BOOST_TEST(check_memory(d, steps_of(10, 1)) == "  memory needed in all: 200 bytes (200 bytes)");
}

BOOST_AUTO_TEST_CASE(a_detector_on_the_cpu_needs_about_what_it_then_has) {
  any_ssd::options o;
  o.num_classes = 3;
  std::get<0>(o.feature_extractor).opts.depth_multiplier = 0.25f;
  any_ssd d(o, {.seed = 1, .threads = 1});
  const std::vector<step_shape> steps{{2, {96, 96}, 4, true}};
  const memory_forecast f = d.foresee(steps);
  BOOST_TEST(!f.on_gpu);
  BOOST_TEST(f.available > 0);
  d.train_step(batch::zeros(2, 96, 96, 4));
  BOOST_TEST(f.needed <= d.planned_bytes());
  BOOST_TEST(static_cast<double>(f.needed) >= 0.7 * static_cast<double>(d.planned_bytes()));
}

any_faster_rcnn small_two_stage_detector() {
  any_faster_rcnn::options o;
  o.num_classes = 3;
  o.feature_extractor = faster_rcnn_inception_v2{};
  o.regions.depth = 32;
  o.loss.first.max_proposals = o.loss.second.sampler.size = 8;
  std::get<0>(o.anchor_generator).opts.scales = {0.0625f, 0.125f};
  return any_faster_rcnn(o, {.seed = 1, .threads = 2});
}

BOOST_AUTO_TEST_CASE(two_stages_need_about_what_they_then_have) {
  any_faster_rcnn d = small_two_stage_detector();
  const std::vector<step_shape> steps{{1, {96, 128}, 4, true}, {1, {128, 192}, 4, false}};
  const auto needed = static_cast<double>(d.foresee(steps).needed);
  d.train_step(batch::zeros(1, 96, 128, 4));
  d.evaluate(batch::zeros(1, 128, 192, 4));
  BOOST_TEST(needed == static_cast<double>(d.planned_bytes()), boost::test_tools::tolerance(0.05));
  BOOST_TEST(static_cast<double>(d.foresee(steps).needed) == static_cast<double>(d.planned_bytes()));
}

#ifdef __SANITIZE_ADDRESS__  // several times slower, and it keeps what is freed
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

BOOST_AUTO_TEST_CASE(pictures_of_many_sizes_do_not_fill_the_memory) {
  any_faster_rcnn d = small_two_stage_detector();
  random_stream random(1);
  const auto evaluate = [&d](int height, int width) { d.evaluate(batch::zeros(1, height, width, 4)); };
  const auto side = [&random] { return static_cast<int>(random.integer(64, 112)); };
  evaluate(112, 112);
  for (int i = 0; i < 40; ++i) evaluate(side(), side());
  const std::int64_t planned = d.planned_bytes();
  const memory_growth resident;
  for (int i = 0; i < (sanitized ? 8 : 200); ++i) evaluate(side(), side());
  BOOST_TEST(static_cast<double>(d.planned_bytes()) == static_cast<double>(planned),
             boost::test_tools::tolerance(0.02));
  if (!sanitized) BOOST_TEST(static_cast<double>(resident.bytes()) < 0.02 * static_cast<double>(planned));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
