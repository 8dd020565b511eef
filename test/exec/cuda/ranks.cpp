// SPDX-License-Identifier: MIT
// Several ranks that train together, each on a GPU of its own: emulated, the threads of this program.
#include <odt/exec/pairwise_sum.hpp>
#include <odt/train/benchmark.hpp>

#include "exec/cuda/detectors.hpp"
#include "exec/cuda/device.hpp"
#include "exec/cuda/gpu_ranks.hpp"
#include "exec/cuda/two_stage_detectors.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>

namespace odt::test {
namespace {

namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_SUITE(cuda_ranks, *needs_gpu())

const run_options on_gpu{.seed = 3, .device = "cuda", .compute = precision::fp32};

any_ssd::options narrow_options() {
  any_ssd::options o;
  o.num_classes = 5;
  std::get<mobilenet_v1>(o.feature_extractor).opts.depth_multiplier = 0.25f;
  o.loss.miner = hard_example_miner{3000, 0.99f, mining_loss::classification, 3, 0};
  return o;
}

BOOST_AUTO_TEST_CASE(what_a_gpu_cannot_do_with_ranks_is_refused) {
  const auto refused = [](const run_options& run, const std::string& why) {
    BOOST_CHECK_EXCEPTION(any_ssd(narrow_options(), run), error, [&](const error& e) {
      const bool says = std::string(e.what()).find(why) != std::string::npos;
      if (!says) BOOST_TEST_MESSAGE(e.what());
      return says;
    });
  };
  refused({.device = "cuda", .shards = 2}, "a GPU computes one shard a step, and this one has 2; give --shards 1");
  run_ranks(2, 1000, [&](communicator& c) {
    if (c.rank() != 0) return;
    refused({.device = "cuda", .ranks = &c}, "there are 2 ranks, and this program was built without NCCL");
    refused({.device = "cuda", .ranks = &c, .shards = 4}, "give --shards 2, one a rank");
    refused({.device = "cuda", .ranks = &c, .sync_batch_norm = true}, "leave --sync_batch_norm out");
  });
}

BOOST_AUTO_TEST_CASE(a_rank_alone_trains_as_without_ranks) {
  const batch pictures = random_batch(1, {64, 64}, 5);
  any_ssd alone(narrow_options(), on_gpu);
  const float wanted = alone.train_step(pictures).total_loss;
  run_ranks(1, 1000, [&](communicator& c) {
    run_options run = on_gpu;
    run.ranks = &c;
    any_ssd one(narrow_options(), run);
    BOOST_TEST(one.train_step(pictures).total_loss == wanted);
    BOOST_TEST(std::ranges::equal(one.device().stores().values, alone.device().stores().values));
  });
}

#if defined(ODT_CUDA_EMULATED)

/// One picture a rank and step; the third step replays the graph of the second.
batch picture(int rank, int step, int side = 64) {
  return random_batch(1, {side, side}, 100u + 10u * static_cast<unsigned>(step) + static_cast<unsigned>(rank));
}

template <class Detector>
struct trained {
  std::vector<std::unique_ptr<Detector>> detectors;
  std::vector<std::vector<step_report>> reports;

  /// batch_of(rank, step) is what a rank gets.
  template <class BatchOf>
  trained(const typename Detector::options& options, int ranks, int steps, const BatchOf& batch_of,
          bool observed = false, bool any_order = false)
      : detectors(static_cast<std::size_t>(ranks)), reports(detectors.size()) {
    run_gpu_ranks(
        ranks,
        [&](communicator& c) {
          const auto own = static_cast<std::size_t>(c.rank());
          run_options run = on_gpu;
          run.ranks = &c;
          detectors[own] = std::make_unique<Detector>(options, run);
          if (observed) detectors[own]->device().observe([](const operation_time&) {});
          for (int step = 0; step < steps; ++step)
            reports[own].push_back(detectors[own]->train_step(batch_of(c.rank(), step)));
        },
        any_order);
  }

  variable_stores stores(int rank) { return detectors[static_cast<std::size_t>(rank)]->device().stores(); }
  bool all_agree() {
    const auto first = stores(0).values;
    for (int r = 1; r < std::ssize(detectors); ++r)
      if (std::memcmp(first.data(), stores(r).values.data(), first.size_bytes()) != 0) return false;
    return true;
  }
};

/// Without what would make a rank's gradient depend on the others: by how many matches losses are divided.
any_ssd::options separate_options() {
  any_ssd::options o = narrow_options();
  o.loss.normalize_loss_by_num_matches = false;
  o.update.regularize = false;
  return o;
}

/// Each rank's gradients and moves of moving averages, by a process that has one rank's picture and no others.
BOOST_DATA_TEST_CASE(a_step_of_ranks_has_the_bits_of_its_shards, data::make({2, 4}), ranks) {
  pairwise_sum<float> sum;
  std::vector<float> gradients, values, moves;
  for (int r = 0; r < ranks; ++r) {
    any_ssd alone(separate_options(), on_gpu);
    const std::vector<float> before(alone.device().stores().values.begin(), alone.device().stores().values.end());
    alone.train_step(picture(r, 0));
    const variable_stores s = alone.device().stores();
    gradients.assign(s.gradients.begin(), s.gradients.end());
    for (std::size_t i = s.gradients.size(); i < s.values.size(); ++i) gradients.push_back(s.values[i] - before[i]);
    values.assign(before.begin(), before.end());
    if (r + 1 < ranks) sum.add(gradients);
  }
  sum.finish(gradients, 0, gradients.size());
  trained<any_ssd> together(separate_options(), ranks, 1, [](int rank, int step) { return picture(rank, step); });
  BOOST_TEST(together.all_agree());
  const variable_stores s = together.stores(ranks - 1);
  const std::size_t count = s.gradients.size();
  BOOST_TEST(std::memcmp(s.gradients.data(), gradients.data(), s.gradients.size_bytes()) == 0);
  BOOST_TEST_REQUIRE(count < values.size());
  for (std::size_t i = count; i < values.size(); ++i)
    BOOST_REQUIRE_EQUAL(s.values[i], values[i] + gradients[i] / static_cast<float>(ranks));
}

/// Norms are frozen, so that a batch's images do not depend on each other.
any_ssd::options independent_options() {
  any_ssd::options o = narrow_options();
  o.freeze_batchnorm = true;  // of the base; of the layers behind it the hyperparameters decide
  std::get<mobilenet_v1>(o.feature_extractor).opts.conv_hyperparams.norm.train = false;
  return o;
}

/// Matches divide the losses of all.
BOOST_AUTO_TEST_CASE(two_ranks_learn_what_one_does_from_both_pictures) {
  any_ssd::options o = independent_options();
  o.update.clip_norm = 10;
  trained<any_ssd> two(o, 2, 1, [](int rank, int step) { return picture(rank, step); });
  BOOST_TEST(two.all_agree());
  any_ssd one(o, on_gpu);
  batch both = picture(0, 0);
  const batch second = picture(1, 0);
  both.size = 2;
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(both.images, second.images), append(both.boxes, second.boxes), append(both.classes, second.classes);
  append(both.weights, second.weights), append(both.counts, second.counts);
  append(both.true_sizes, second.true_sizes);
  if (!second.original_sizes.empty()) append(both.original_sizes, second.original_sizes);
  const step_report wanted = one.train_step(both);
  for (const auto& reports : two.reports) {
    BOOST_TEST(reports[0].total_loss == wanted.total_loss, boost::test_tools::tolerance(1e-5f));
    BOOST_TEST(reports[0].gradient_norm == wanted.gradient_norm, boost::test_tools::tolerance(1e-4f));
    for (std::size_t i = 0; i < wanted.details.size(); ++i)
      BOOST_TEST(reports[0].details[i].second == wanted.details[i].second, wanted.details[i].first);
  }
  const auto found = two.stores(0).gradients, expected = one.device().stores().gradients;
  BOOST_TEST(distance({found.begin(), found.end()}, expected) < 1e-4);
}

/// Pictures of three sizes, which the ranks meet at different steps: graphs are captured and launched by all or none.
BOOST_AUTO_TEST_CASE(graphs_of_ranks_train_as_launches_do_bit_for_bit) {
  const auto pictures = [](int rank, int step) { return picture(rank, step, step == 3 && rank == 1 ? 96 : 64); };
  trained<any_ssd> graphs(narrow_options(), 2, 6, pictures), launches(narrow_options(), 2, 6, pictures, true);
  BOOST_TEST(graphs.all_agree());
  BOOST_TEST(launches.all_agree());
  const auto found = graphs.stores(0).values, wanted = launches.stores(0).values;
  BOOST_TEST(std::memcmp(found.data(), wanted.data(), found.size_bytes()) == 0);
  for (std::size_t step = 0; step < 6; ++step) {
    BOOST_TEST(graphs.reports[0][step].total_loss == graphs.reports[1][step].total_loss);
    BOOST_TEST(graphs.reports[0][step].total_loss == launches.reports[0][step].total_loss);
  }
}

BOOST_AUTO_TEST_CASE(ranks_whose_sums_have_any_order_agree) {
  const auto pictures = [](int rank, int step) { return picture(rank, step); };
  trained<any_ssd> fast(narrow_options(), 3, 2, pictures, false, true), fixed(narrow_options(), 3, 2, pictures);
  BOOST_TEST(fast.all_agree());
  const auto found = fast.stores(0).values, wanted = fixed.stores(0).values;
  BOOST_TEST(distance({found.begin(), found.end()}, wanted) < 1e-3);
}

BOOST_AUTO_TEST_CASE(where_one_rank_is_not_finite_none_changes_anything) {
  const any_ssd::options o = independent_options();
  trained<any_ssd> two(o, 2, 1, [](int rank, int step) {
    batch b = picture(rank, step);
    if (rank == 1) b.images[0] = std::numeric_limits<float>::quiet_NaN();
    return b;
  });
  any_ssd untrained(o, on_gpu);
  for (const int rank : {0, 1}) {
    BOOST_TEST(!two.reports[static_cast<std::size_t>(rank)][0].finite);
    BOOST_TEST(std::ranges::equal(two.stores(rank).values, untrained.device().stores().values));
  }
}

BOOST_AUTO_TEST_CASE(ranks_take_the_memory_that_was_foreseen) {
  std::mutex mutex;
  run_gpu_ranks(2, [&](communicator& c) {
    run_options run = on_gpu;
    run.ranks = &c;
    any_ssd d(narrow_options(), run);
    const batch b = picture(c.rank(), 0);
    const step_shape shape{b.size, {b.height, b.width}, b.max_boxes, true};
    const std::int64_t needed = d.foresee(std::span(&shape, 1)).needed;
    d.announce(b);
    d.train_step(b);
    const std::lock_guard lock(mutex);
    BOOST_TEST(d.planned_bytes() == needed);
  });
}

tiny_faster_rcnn::options two_stages() {
  tiny_faster_rcnn::options o;
  o.num_classes = 3;
  std::get<0>(o.anchor_generator).opts = {
      .height = 16, .width = 16, .height_stride = 4, .width_stride = 4, .scales = {1.0f, 1.7f}};
  o.regions.depth = 16, o.regions.initial_crop_size = 6;
  o.loss.first.sampler.size = 24, o.loss.first.max_proposals = 20, o.loss.second.sampler.size = 12;
  o.update.regularize = false;
  return o;
}

/// Halves are exact, so the mean of two shards has the bits of a mean of gradients.
BOOST_AUTO_TEST_CASE(a_step_of_two_stages_has_the_bits_of_its_shards) {
  const auto pictures = [](int rank, int) {
    batch b = random_batch(1, {48, 40}, 70u + static_cast<unsigned>(rank));
    b.first_sample = static_cast<std::uint64_t>(rank);
    return b;
  };
  std::vector<float> gradients[2];
  std::vector<step_report> alone;
  for (const int r : {0, 1}) {
    tiny_faster_rcnn one(two_stages(), on_gpu);
    alone.push_back(one.train_step(pictures(r, 0)));
    const auto own = one.device().stores().gradients;
    gradients[r].assign(own.begin(), own.end());
  }
  trained<tiny_faster_rcnn> two(two_stages(), 2, 3, pictures);
  BOOST_TEST(two.all_agree());
  trained<tiny_faster_rcnn> once(two_stages(), 2, 1, pictures);
  const auto found = once.stores(1).gradients;
  for (std::size_t i = 0; i < found.size(); ++i)
    BOOST_REQUIRE_EQUAL(found[i], (gradients[0][i] + gradients[1][i]) * 0.5f);
  for (std::size_t i = 0; i < alone[0].losses.size(); ++i) {
    const float mean = (alone[0].losses[i].second + alone[1].losses[i].second) / 2;
    BOOST_TEST(once.reports[0][0].losses[i].second == mean, boost::test_tools::tolerance(1e-6f));
    BOOST_TEST(once.reports[1][0].losses[i].second == once.reports[0][0].losses[i].second);
  }
}

#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
