// SPDX-License-Identifier: MIT
// Two detectors in one process as two ranks of one training.
#include "any_ssd.hpp"
#include "distributed/thread_transport.hpp"
#include "scratch.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

namespace {

using detector_type = odt::test::any_ssd;

/// With frozen norms and without dropout, so that a batch's images do not depend on each other.
detector_type::options independent() {
  detector_type::options o;
  o.num_classes = 3;
  auto& extractor = std::get<0>(o.feature_extractor).opts;
  extractor.depth_multiplier = 0.25f;
  extractor.conv_hyperparams.norm.train = false;
  o.update.clip_norm = 10;
  o.rate.schedule = odt::constant_learning_rate{{.learning_rate = 0.01f}};
  return o;
}

/// Pictures [first, first + count) of a set.
odt::batch pictures(int first, int count) {
  odt::batch b = odt::batch::zeros(count, 96, 96, 2);
  b.weights.assign(b.weights.size(), 1.0f);
  for (int i = 0; i < count; ++i) {
    odt::random_stream random(3, static_cast<std::uint64_t>(first + i), 0);
    const auto size = static_cast<std::size_t>(96 * 96 * 3), n = static_cast<std::size_t>(i);
    for (std::size_t k = 0; k < size; ++k) b.images[n * size + k] = random.uniform(-1, 1);
    b.counts[n] = 1 + (first + i) % 2;
    for (std::size_t k = 0; k < 2; ++k) {
      const float y = random.uniform(0, 0.5f), x = random.uniform(0, 0.5f);
      b.boxes[2 * n + k] = {y, x, y + 0.4f, x + 0.3f};
      b.classes[2 * n + k] = static_cast<int>(k);
    }
  }
  return b;
}

struct ranked_run {
  std::vector<std::unique_ptr<detector_type>> detectors;
  std::vector<std::vector<odt::step_report>> reports;

  /// Trains a detector a rank; shards_of(rank, step) is what it gets.
  template <class ShardsOf>
  ranked_run(const detector_type::options& options, int ranks, int shards, int steps, const ShardsOf& shards_of,
             bool sync_batch_norm = false)
      : detectors(static_cast<std::size_t>(ranks)), reports(detectors.size()) {
    odt::test::run_ranks(ranks, 1000, [&](odt::communicator& c) {
      const auto n = static_cast<std::size_t>(c.rank());
      detectors[n] = std::make_unique<detector_type>(options, odt::run_options{.seed = 5,
                                                                               .threads = 1,
                                                                               .ranks = ranks > 1 ? &c : nullptr,
                                                                               .shards = shards,
                                                                               .sync_batch_norm = sync_batch_norm});
      for (int step = 0; step < steps; ++step)
        reports[n].push_back(detectors[n]->train_shards(shards_of(c.rank(), step)));
    });
  }

  std::span<const float> values(int rank) {
    return detectors[static_cast<std::size_t>(rank)]->device().stores().values;
  }
};

/// Each rank's batch alone.
template <class BatchOf>
ranked_run run_batches(int ranks, int steps, const BatchOf& batch_of,
                       const detector_type::options& options = independent(), bool sync_batch_norm = false) {
  return ranked_run(
      options, ranks, 1, steps, [&](int rank, int step) { return std::vector<odt::batch>{batch_of(rank, step)}; },
      sync_batch_norm);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rank_tests)

BOOST_AUTO_TEST_CASE(two_ranks_learn_what_one_does_from_both_batches) {
  constexpr int steps = 3;
  ranked_run one = run_batches(1, steps, [](int, int step) { return pictures(4 * step, 4); });
  ranked_run two = run_batches(2, steps, [](int rank, int step) { return pictures(4 * step + 2 * rank, 2); });
  const auto together = one.values(0), first = two.values(0), second = two.values(1);
  BOOST_TEST(std::memcmp(first.data(), second.data(), first.size_bytes()) == 0);
  double difference = 0, change = 0;
  ranked_run untrained = run_batches(1, 0, [](int, int) { return pictures(0, 1); });
  const auto before = untrained.values(0);
  for (std::size_t i = 0; i < together.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(together[i]) - static_cast<double>(first[i])));
    change = std::max(change, std::abs(static_cast<double>(together[i]) - static_cast<double>(before[i])));
  }
  BOOST_TEST(difference < 1e-3 * change);
  for (std::size_t step = 0; step < steps; ++step) {
    const odt::step_report &a = one.reports[0][step], &b = two.reports[0][step], &c = two.reports[1][step];
    BOOST_TEST(b.total_loss == c.total_loss);
    BOOST_TEST(b.gradient_norm == c.gradient_norm);
    BOOST_TEST(b.total_loss == a.total_loss, boost::test_tools::tolerance(1e-4f));
    BOOST_TEST(b.gradient_norm == a.gradient_norm, boost::test_tools::tolerance(1e-3f));
  }
}

/// As independent(), but for the norms.
detector_type::options with_batch_norm() {
  detector_type::options o = independent();
  std::get<0>(o.feature_extractor).opts.conv_hyperparams.norm.train = true;
  return o;
}

/// Gradients through norms of all ranks are compared layer by layer (exec/cpu/networks.cpp): over the few pixels of the
/// last maps, rounding opens and closes gates of activations.
BOOST_AUTO_TEST_CASE(norms_can_have_the_statistics_of_all_ranks) {
  ranked_run one = run_batches(
      1, 1, [](int, int) { return pictures(0, 4); }, with_batch_norm());
  ranked_run two = run_batches(
      2, 1, [](int rank, int) { return pictures(2 * rank, 2); }, with_batch_norm(), true);
  const auto first = two.values(0), second = two.values(1);
  BOOST_TEST(std::memcmp(first.data(), second.data(), first.size_bytes()) == 0);
  BOOST_TEST(two.reports[0][0].total_loss == one.reports[0][0].total_loss, boost::test_tools::tolerance(1e-4f));
  const auto whole = one.detectors[0]->state(), parts = two.detectors[0]->state();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i].name.find("moving_") == std::string::npos) continue;
    for (std::size_t k = 0; k < whole[i].values.size(); ++k)
      BOOST_REQUIRE_SMALL(whole[i].values[k] - parts[i].values[k], 1e-4f * (1e-3f + std::abs(whole[i].values[k])));
  }
}

BOOST_AUTO_TEST_CASE(norms_of_all_ranks_take_one_shard_each) {
  odt::test::check_error(
      [] {
        odt::test::run_ranks(1, 1000, [](odt::communicator& c) {
          detector_type(with_batch_norm(), {.threads = 1, .ranks = &c, .shards = 2, .sync_batch_norm = true});
        });
      },
      {"sync_batch_norm", "2 shards"});
}

/// Norms of the batch, dropout and mining: all that depends on who computes what.
detector_type::options dependent() {
  detector_type::options o = with_batch_norm();
  std::visit(
      [](auto& p) {
        if constexpr (requires { p.opts.use_dropout; }) p.opts.use_dropout = true;
      },
      o.box_predictor);
  o.loss.miner = odt::hard_example_miner{};
  return o;
}

BOOST_DATA_TEST_CASE(the_same_shards_give_the_same_bits_on_any_ranks, boost::unit_test::data::make({1, 2, 4}), ranks) {
  constexpr int steps = 3, all = 4;
  const auto run = [](int over) {
    return ranked_run(dependent(), over, all / over, steps, [over](int rank, int step) {
      std::vector<odt::batch> shards;
      for (int s = 0; s < all / over; ++s) {
        const int number = all * step + rank * (all / over) + s;
        shards.push_back(pictures(2 * number, 2));
        shards.back().first_sample = static_cast<std::uint64_t>(2 * number);
      }
      return shards;
    });
  };
  ranked_run alone = run(1), together = run(ranks);
  const auto wanted = alone.values(0);
  for (int r = 0; r < ranks; ++r) {
    const auto got = together.values(r);
    BOOST_TEST(std::memcmp(got.data(), wanted.data(), got.size_bytes()) == 0);
    for (std::size_t step = 0; step < steps; ++step) {
      const odt::step_report &a = alone.reports[0][step], &b = together.reports[static_cast<std::size_t>(r)][step];
      BOOST_TEST((a.losses == b.losses));
      BOOST_TEST((a.details == b.details));
      BOOST_TEST(a.gradient_norm == b.gradient_norm);
    }
  }
}

BOOST_AUTO_TEST_CASE(moving_averages_take_the_mean_of_the_shards) {
  const auto norms_of = [](std::vector<odt::batch> shards) {
    const int count = static_cast<int>(shards.size());
    ranked_run run(dependent(), 1, count, 1, [&](int, int) { return shards; });
    std::vector<float> means;
    for (const odt::state_tensor& t : run.detectors[0]->state())
      if (t.name.ends_with("moving_mean")) means.insert(means.end(), t.values.begin(), t.values.end());
    return means;
  };
  const auto first = norms_of({pictures(0, 2)}), second = norms_of({pictures(2, 2)}),
             both = norms_of({pictures(0, 2), pictures(2, 2)});
  BOOST_TEST_REQUIRE(!both.empty());
  for (std::size_t i = 0; i < both.size(); ++i)
    BOOST_TEST(std::abs(both[i] - (first[i] + second[i]) / 2) <= 1e-6f * (1 + std::abs(both[i])));
}

BOOST_AUTO_TEST_CASE(a_step_with_another_number_of_shards_is_refused) {
  detector_type model(independent(), {.threads = 1, .shards = 2});
  BOOST_CHECK_EXCEPTION(model.train_step(pictures(0, 2)), odt::error,
                        [](const auto& e) { return std::string(e.what()).find("takes 2") != std::string::npos; });
}

BOOST_AUTO_TEST_CASE(where_one_rank_is_not_finite_none_changes_anything) {
  ranked_run two = run_batches(2, 1, [](int rank, int) {
    odt::batch b = pictures(rank, 1);
    if (rank == 1) b.images[0] = std::numeric_limits<float>::quiet_NaN();
    return b;
  });
  ranked_run untrained = run_batches(1, 0, [](int, int) { return pictures(0, 1); });
  const auto before = untrained.values(0);
  for (const int rank : {0, 1}) {
    BOOST_TEST(!two.reports[static_cast<std::size_t>(rank)][0].finite);
    BOOST_TEST(std::ranges::equal(two.values(rank), before));
  }
}

BOOST_AUTO_TEST_SUITE_END()
