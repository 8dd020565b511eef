// SPDX-License-Identifier: MIT
// Two detectors in one process as two ranks of one training.
#include "any_ssd.hpp"

#include <odt/exec/communicator.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

namespace {

using detector_type = odt::test::any_ssd;

/// What ranks that are threads of one process share.
struct meeting {
  explicit meeting(int ranks) : point(ranks), numbers(static_cast<std::size_t>(ranks)), gradients(numbers.size()) {}

  std::barrier<> point;
  std::vector<std::span<double>> numbers;
  std::vector<std::span<float>> gradients;
};

/// Adds up by turns: one rank adds for all, then all copy.
class thread_rank final : public odt::communicator {
 public:
  thread_rank(meeting& all, int own) : all_(all), own_(static_cast<std::size_t>(own)) {}

  int ranks() const override { return static_cast<int>(all_.numbers.size()); }
  void sum(std::span<double> numbers) override { add(all_.numbers, numbers); }
  void finished(std::span<float> gradients) override {
    pieces.push_back(gradients.size());
    add(all_.gradients, gradients.subspan(summed_));
    summed_ = gradients.size();
  }
  void wait() override { summed_ = 0; }

  std::vector<std::size_t> pieces;  ///< lengths that backward told

 private:
  template <class T>
  void add(std::vector<std::span<T>>& all, std::span<T> own) {
    all[own_] = own;
    all_.point.arrive_and_wait();
    std::vector<T> sums(own.size());
    for (const std::span<T>& each : all)
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += each[i];
    all_.point.arrive_and_wait();
    std::ranges::copy(sums, own.begin());
  }

  meeting& all_;
  std::size_t own_, summed_ = 0;
};

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
  std::vector<std::unique_ptr<thread_rank>> ranks;
  std::vector<std::vector<odt::step_report>> reports;

  /// Trains a detector a rank; batch_of(rank, step) is what it gets.
  template <class BatchOf>
  ranked_run(int count, int steps, const BatchOf& batch_of) : reports(static_cast<std::size_t>(count)) {
    meeting all(count);
    for (int r = 0; r < count; ++r) {
      ranks.push_back(std::make_unique<thread_rank>(all, r));
      detectors.push_back(std::make_unique<detector_type>(
          independent(), odt::run_options{.seed = 5, .threads = 1, .ranks = count > 1 ? ranks.back().get() : nullptr}));
    }
    std::vector<std::thread> threads;
    for (int r = 0; r < count; ++r)
      threads.emplace_back([&, r] {
        const auto n = static_cast<std::size_t>(r);
        for (int step = 0; step < steps; ++step) reports[n].push_back(detectors[n]->train_step(batch_of(r, step)));
      });
    for (std::thread& t : threads) t.join();
  }

  std::span<const float> values(int rank) {
    return detectors[static_cast<std::size_t>(rank)]->device().stores().values;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(rank_tests)

BOOST_AUTO_TEST_CASE(two_ranks_learn_what_one_does_from_both_batches) {
  constexpr int steps = 3;
  ranked_run one(1, steps, [](int, int step) { return pictures(4 * step, 4); });
  ranked_run two(2, steps, [](int rank, int step) { return pictures(4 * step + 2 * rank, 2); });
  const auto together = one.values(0), first = two.values(0), second = two.values(1);
  BOOST_TEST(std::memcmp(first.data(), second.data(), first.size_bytes()) == 0);
  double difference = 0, change = 0;
  const ranked_run untrained(1, 0, [](int, int) { return pictures(0, 1); });
  const auto before = untrained.detectors[0]->device().stores().values;
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

BOOST_AUTO_TEST_CASE(backward_tells_of_gradients_as_they_are_finished) {
  ranked_run two(2, 1, [](int rank, int) { return pictures(rank, 1); });
  const auto& pieces = two.ranks[0]->pieces;
  BOOST_TEST(pieces.size() > 30u);
  BOOST_TEST(std::ranges::is_sorted(pieces));
  BOOST_TEST(pieces.back() == two.detectors[0]->device().stores().gradients.size());
}

BOOST_AUTO_TEST_CASE(where_one_rank_is_not_finite_none_changes_anything) {
  ranked_run two(2, 1, [](int rank, int) {
    odt::batch b = pictures(rank, 1);
    if (rank == 1) b.images[0] = std::numeric_limits<float>::quiet_NaN();
    return b;
  });
  const ranked_run untrained(1, 0, [](int, int) { return pictures(0, 1); });
  const auto before = untrained.detectors[0]->device().stores().values;
  for (const int rank : {0, 1}) {
    BOOST_TEST(!two.reports[static_cast<std::size_t>(rank)][0].finite);
    BOOST_TEST(std::ranges::equal(two.values(rank), before));
  }
}

BOOST_AUTO_TEST_SUITE_END()
