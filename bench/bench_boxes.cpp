// SPDX-License-Identifier: MIT
// What a step does with boxes: assignment, non-maximum suppression, and the whole loss with hard example mining, at the
// sizes of SSD MobileNet v1; proposals and detections at those of Faster R-CNN. Each is checked against the definition
// first, one number at a time, then timed. ODT_THREADS (2) and ODT_BATCH (8) change the loss's; assignment and
// suppression of an image run on one thread.
#include "timing.hpp"

#include <odt/anchor_generators/grid.hpp>
#include <odt/anchor_generators/ssd.hpp>
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/core/error.hpp>
#include <odt/core/random.hpp>
#include <odt/exec/cpu/boxes/assign.hpp>
#include <odt/exec/cpu/boxes/box_classifier_detections.hpp>
#include <odt/exec/cpu/boxes/non_max_suppression.hpp>
#include <odt/exec/cpu/boxes/proposals.hpp>
#include <odt/exec/cpu/boxes/ssd_loss.hpp>
#include <odt/losses/sigmoid.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/matchers/argmax.hpp>
#include <odt/similarities/iou.hpp>

#include <benchmark/benchmark.h>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace odt;
using bench::batch_size;
using bench::pool;

constexpr int slots = 91;

const std::vector<boxf>& anchors() {
  static const size2 maps[] = {{19, 19}, {10, 10}, {5, 5}, {3, 3}, {2, 2}, {1, 1}};
  static const std::vector<boxf> all = ssd_anchor_generator{}.generate(maps, {300, 300});
  return all;
}

boxf random_box(random_stream& random, float smallest = 0.05f) {
  const float h = random.uniform(smallest, 0.6f), w = random.uniform(smallest, 0.6f);
  const float y = random.uniform(0, 1 - h), x = random.uniform(0, 1 - w);
  return {y, x, y + h, x + w};
}

void expect_near(double actual, double expected, double tolerance, const std::string& what) {
  if (!(std::abs(actual - expected) <= tolerance * (1 + std::abs(expected))))
    fail(what, " is ", actual, ", by the definition ", expected);
}

/// Random ground truth of a batch, and where its targets go.
struct assignment {
  int images, boxes_per_image;
  std::vector<int> counts, labels;
  std::vector<boxf> boxes;
  std::vector<float> weights;
  std::vector<int> match, classes;
  std::vector<float> class_weights, regression, regression_weights;
  cpu::assign_workspace space;

  assignment(int n, int each, int threads) : images(n), boxes_per_image(each), space(anchors(), each, threads) {
    random_stream random(1);
    counts.assign(static_cast<std::size_t>(n), each);
    for (int i = 0; i < n * each; ++i) {
      boxes.push_back(random_box(random));
      labels.push_back(static_cast<int>(random.integer(0, slots - 1)));
    }
    weights.assign(boxes.size(), 1.0f);
    const std::size_t rows = static_cast<std::size_t>(n) * anchors().size();
    match.resize(rows), classes.resize(rows), class_weights.resize(rows);
    regression.resize(4 * rows), regression_weights.resize(rows);
  }

  assigned_targets targets() {
    return {match.data(), classes.data(), class_weights.data(), regression.data(), regression_weights.data()};
  }
  void run(thread_pool& threads) {
    cpu::assign(threads, iou_similarity{}, argmax_matcher{{.force_match_for_each_row = true}}, faster_rcnn_box_coder{},
                {images, boxes_per_image, counts.data(), boxes.data(), labels.data(), weights.data()}, 1.0f, space,
                targets());
  }
};

/// Largest overlap from .5 on; then every box gets the anchor that it overlaps most.
std::vector<int> matches_by_definition(std::span<const boxf> boxes) {
  std::vector<int> match(anchors().size(), unmatched);
  for (std::size_t a = 0; a < match.size(); ++a) {
    float best = 0;
    for (std::size_t b = 0; b < boxes.size(); ++b)
      if (const float overlap = iou(boxes[b], anchors()[a]); overlap > best) {
        best = overlap;
        match[a] = static_cast<int>(b);
      }
    if (best < 0.5f) match[a] = unmatched;
  }
  for (std::size_t b = boxes.size(); b-- > 0;) {
    const auto best = std::ranges::max_element(anchors(), {}, [&](const boxf& a) { return iou(boxes[b], a); });
    match[static_cast<std::size_t>(best - anchors().begin())] = static_cast<int>(b);
  }
  return match;
}

void check_assignment() {
  assignment a(1, 10, 1);
  thread_pool one(1);
  a.run(one);
  if (a.match != matches_by_definition(a.boxes)) fail("assign matches other anchors than the definition");
  for (std::size_t i = 0; i < a.match.size(); ++i) {
    const bool matched = a.match[i] >= 0;
    const auto row = static_cast<std::size_t>(a.match[i]);
    expect_near(a.classes[i], matched ? a.labels[row] + 1 : 0, 0, "a class");
    const auto code = matched ? faster_rcnn_box_coder{}.encode(a.boxes[row], anchors()[i]) : std::array<float, 4>{};
    for (std::size_t k = 0; k < 4; ++k) expect_near(a.regression[4 * i + k], code[k], 1e-5, "a target");
  }
}

/// Boxes with scores: anywhere, or crowded around a few places as a detector leaves them.
struct scored {
  std::vector<boxf> boxes;
  std::vector<float> scores;

  scored(int count, bool clustered) {
    random_stream random(2);
    std::vector<boxf> places;
    for (int i = 0; i < 20; ++i) places.push_back(random_box(random));
    for (int i = 0; i < count; ++i) {
      const boxf& b = places[static_cast<std::size_t>(random.integer(0, 20))];
      const auto move = [&](float side) { return side * 0.1f * random.normal(); };
      const float h = height(b), w = width(b);
      boxes.push_back(clustered ? boxf{b.ymin + move(h), b.xmin + move(w), b.ymax + move(h), b.xmax + move(w)}
                                : random_box(random));
      scores.push_back(random.uniform());
    }
  }
};

/// Greedy, one pair of boxes after the other; counts the pairs that were compared.
std::vector<int> suppress_by_definition(std::span<const boxf> boxes, std::span<const float> scores, float threshold,
                                        std::size_t limit, double* compared = nullptr) {
  std::vector<int> order(boxes.size()), kept;
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater{}, [&](int i) { return scores[static_cast<std::size_t>(i)]; });
  for (const int i : order) {
    if (kept.size() == limit) break;
    const bool free = std::ranges::none_of(kept, [&](int k) {
      if (compared) ++*compared;
      return iou(boxes[static_cast<std::size_t>(k)], boxes[static_cast<std::size_t>(i)]) > threshold;
    });
    if (free) kept.push_back(i);
  }
  return kept;
}

struct suppression {
  const char* name;
  bool clustered;
  int limit;  ///< 0: none
};

const suppression suppressions[] = {
    {"random/100", false, 100}, {"random/all", false, 0}, {"clustered/100", true, 100}, {"clustered/all", true, 0}};

void check(const suppression& s) {
  const scored in(2000, s.clustered);
  cpu::nms_workspace space(2000);
  const int limit = s.limit ? s.limit : 2000;
  const auto kept = cpu::non_max_suppression(in.boxes, in.scores, 0.6f, 0.0f, limit, space);
  const auto expected = suppress_by_definition(in.boxes, in.scores, 0.6f, static_cast<std::size_t>(limit));
  if (!std::ranges::equal(kept, expected))
    fail("non_max_suppression/", s.name, " keeps other boxes than the definition");
}

ssd_loss_options mining() {
  ssd_loss_options o;
  o.miner = hard_example_miner{3000, 0.99f, mining_loss::classification, 3, 0};
  return o;
}

/// Predictions as those of a network that has begun to learn, against the targets of eight boxes an image.
struct loss_problem {
  assignment truth;
  ssd_loss_options options;
  std::vector<float> logits, encodings, logits_gradient, encodings_gradient;
  cpu::ssd_loss_workspace space;
  cpu::ssd_losses_report report;

  loss_problem(int images, ssd_loss_options o)
      : truth(images, 8, pool().size()),
        options(std::move(o)),
        space(images, static_cast<int>(anchors().size()), slots, pool().size()) {
    truth.run(pool());
    random_stream random(3);
    const std::size_t rows = truth.match.size();
    for (std::size_t i = 0; i < rows * slots; ++i) logits.push_back(random.normal() - 3);
    for (std::size_t i = 0; i < rows * 4; ++i) encodings.push_back(random.normal());
    logits_gradient.resize(logits.size());
    encodings_gradient.resize(encodings.size());
  }

  void run(thread_pool& threads) {
    report =
        cpu::ssd_loss(threads, weighted_sigmoid{}, weighted_smooth_l1{}, faster_rcnn_box_coder{}, options, anchors(),
                      {truth.images, static_cast<int>(anchors().size()), slots, encodings.data(), logits.data()},
                      {encodings_gradient.data(), logits_gradient.data()}, truth.targets(),
                      cpu::total_matches(truth.match.size(), truth.targets()), space);
  }
};

/// The costs of all anchors and their derivatives, in double.
struct plain_loss {
  std::vector<double> classification, localization, d_logits, d_encodings;

  explicit plain_loss(const loss_problem& p) {
    const std::size_t rows = p.truth.match.size();
    classification.resize(rows), localization.resize(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      for (int c = 0; c < slots; ++c) {
        const double x = p.logits[d_logits.size()], target = p.truth.classes[i] == c;
        classification[i] += std::log1p(std::exp(-std::abs(x))) + std::max(x, 0.0) - x * target;
        d_logits.push_back(1 / (1 + std::exp(-x)) - target);
      }
      for (int k = 0; k < 4; ++k) {
        const std::size_t at = d_encodings.size();
        const double weight = p.truth.regression_weights[i], apart = double{p.encodings[at]} - p.truth.regression[at];
        localization[i] += weight * (std::abs(apart) < 1 ? apart * apart / 2 : std::abs(apart) - 0.5);
        d_encodings.push_back(weight * std::clamp(apart, -1.0, 1.0));
      }
    }
  }
};

/// Marks the anchors that mining keeps: all of NMS by falling cost that are positive, three negatives for each.
std::vector<bool> mine_by_definition(const loss_problem& p, const plain_loss& plain) {
  const std::size_t n = anchors().size();
  std::vector<bool> kept(p.truth.match.size());
  for (std::size_t image = 0; image < kept.size(); image += n) {
    std::vector<boxf> boxes;
    std::vector<float> costs;
    for (std::size_t a = 0; a < n; ++a) {
      const float* code = p.encodings.data() + 4 * (image + a);
      boxes.push_back(faster_rcnn_box_coder{}.decode(std::array{code[0], code[1], code[2], code[3]}, anchors()[a]));
      costs.push_back(static_cast<float>(plain.classification[image + a]));
    }
    const std::vector<int> ranked = suppress_by_definition(boxes, costs, 0.99f, 3000);
    const auto positive = [&](int a) { return p.truth.match[image + static_cast<std::size_t>(a)] >= 0; };
    std::ptrdiff_t negatives = 3 * std::ranges::count_if(ranked, positive);
    for (const int a : ranked)
      if (positive(a) || negatives-- > 0) kept[image + static_cast<std::size_t>(a)] = true;
  }
  return kept;
}

void check_loss() {
  loss_problem p(3, mining());
  p.run(pool());
  const plain_loss plain(p);
  const std::vector<bool> kept = mine_by_definition(p, plain);
  double classification = 0, localization = 0, matches = 0;
  for (const float weight : p.truth.regression_weights) matches += weight;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i]) classification += plain.classification[i], localization += plain.localization[i];
    if (kept[i] != (p.space.kept[i] > 0)) fail("mining keeps other anchors than the definition");
    const double scale = kept[i] ? 1 / matches : 0;
    for (std::size_t c = i * slots; c < (i + 1) * slots; ++c)
      expect_near(p.logits_gradient[c] * matches, plain.d_logits[c] * scale * matches, 1e-5, "a logit's gradient");
    for (std::size_t k = 4 * i; k < 4 * i + 4; ++k)
      expect_near(p.encodings_gradient[k] * matches, plain.d_encodings[k] * scale * matches, 1e-5, "a code's gradient");
  }
  expect_near(p.report.classification, classification / matches, 1e-5, "the classification loss");
  expect_near(p.report.localization, localization / matches, 1e-5, "the localization loss");
}

constexpr size2 photo{600, 1024};
constexpr boxf photo_window{0, 0, 600, 1024};

/// A first stage's predictions for one photo, and what it proposes.
struct proposal_problem {
  anchor_selection anchors;
  std::vector<float> encodings, objectness;
  first_stage_options options;
  cpu::proposal_workspace space;
  int count = 0;
  std::vector<boxf> boxes, normalized;
  std::vector<float> scores;

  proposal_problem()
      : anchors(
            clip_to_window(grid_anchor_generator{}.generate(std::vector{size2{38, 64}}, photo), photo_window, true)),
        space(anchors.size(), 1),
        boxes(static_cast<std::size_t>(options.max_proposals)),
        normalized(boxes.size()),
        scores(boxes.size()) {
    random_stream random(4);
    for (int i = 0; i < 4 * anchors.all; ++i) encodings.push_back(random.normal());
    for (int i = 0; i < 2 * anchors.all; ++i) objectness.push_back(random.normal());
  }

  proposals out() { return {1, options.max_proposals, &count, boxes.data(), normalized.data(), scores.data()}; }
  void run(thread_pool& one) {
    cpu::propose(one, faster_rcnn_box_coder{}, anchors, options, {1, anchors.all, encodings.data(), objectness.data()},
                 photo, {&photo_window, 1}, space, out());
  }
};

void check_proposals() {
  proposal_problem p;
  thread_pool one(1);
  p.run(one);
  std::vector<boxf> boxes;
  std::vector<float> scores;
  for (std::size_t i = 0; i < p.anchors.boxes.size(); ++i) {
    const auto row = static_cast<std::size_t>(p.anchors.rows[i]);
    const float* const code = p.encodings.data() + 4 * row;
    boxes.push_back(faster_rcnn_box_coder{}.decode(std::array{code[0], code[1], code[2], code[3]}, p.anchors.boxes[i]));
    scores.push_back(1 / (1 + std::exp(p.objectness[2 * row] - p.objectness[2 * row + 1])));
  }
  std::size_t at = 0;
  for (const int kept : suppress_by_definition(boxes, scores, p.options.nms_iou_threshold, p.boxes.size())) {
    const boxf expected = clip(boxes[static_cast<std::size_t>(kept)], photo_window);
    if (!(area(expected) > 0)) continue;
    expect_near(p.scores[at], scores[static_cast<std::size_t>(kept)], 1e-5, "a proposal's score");
    expect_near(iou(p.boxes[at++], expected), 1, 1e-4, "a proposal's overlap with that");
  }
  expect_near(p.count, static_cast<double>(at), 0, "the number of proposals");
}

/// A second stage's predictions for the proposals of one photo.
struct detection_problem {
  static constexpr int classes = slots - 1;
  proposal_problem first;
  post_processing_options options{.converter = score_converter::softmax};
  std::vector<float> encodings, logits;
  cpu::box_classifier_detection_workspace space{first.options.max_proposals, classes, 1};
  std::vector<detections> found;

  explicit detection_problem(thread_pool& one) {
    options.suppression.max_total_detections = 300;
    first.run(one);
    random_stream random(5);
    for (int i = 0; i < first.options.max_proposals * classes * 4; ++i) encodings.push_back(random.normal());
    for (int i = 0; i < first.options.max_proposals * slots; ++i) logits.push_back(3 * random.normal());
  }

  void run(thread_pool& one) {
    const box_classifier_predictions in{
        1, first.options.max_proposals, classes, false, encodings.data(), logits.data()};
    cpu::post_process(one, faster_rcnn_box_coder{}, options, in, first.out(), {&photo_window, 1}, space, found);
  }
};

/// By falling score: what suppression leaves of each class.
std::vector<float> detected_by_definition(detection_problem& p) {
  std::vector<float> all;
  for (std::size_t c = 0; c < detection_problem::classes; ++c) {
    std::vector<boxf> boxes;
    std::vector<float> scores;
    for (std::size_t i = 0; i < static_cast<std::size_t>(p.first.count); ++i) {
      const float *const code = p.encodings.data() + 4 * (i * detection_problem::classes + c), *const row =
                                                                                                   p.logits.data() +
                                                                                                   i * slots;
      boxes.push_back(faster_rcnn_box_coder{}.decode(std::array{code[0], code[1], code[2], code[3]}, p.first.boxes[i]));
      double sum = 0;
      for (int k = 0; k < slots; ++k) sum += std::exp(double{row[k]});
      scores.push_back(static_cast<float>(std::exp(double{row[c + 1]}) / sum));
    }
    for (const int i : suppress_by_definition(boxes, scores, 0.6f, 100))
      if (area(clip(boxes[static_cast<std::size_t>(i)], photo_window)) > 0)
        all.push_back(scores[static_cast<std::size_t>(i)]);
  }
  std::ranges::sort(all, std::greater{});
  all.resize(std::min<std::size_t>(all.size(), 300));
  return all;
}

void check_detections() {
  thread_pool one(1);
  detection_problem p(one);
  p.run(one);
  const std::vector<float> expected = detected_by_definition(p);
  expect_near(static_cast<double>(p.found[0].size()), static_cast<double>(expected.size()), 0,
              "the number of detections");
  for (std::size_t i = 0; i < expected.size(); ++i)
    expect_near(p.found[0][i].score, expected[i], 1e-5, "a detection's score");
}

/// Runs `work` for as long as asked: the best time of it,.
template <class Work>
double best_of(benchmark::State& state, const Work& work) {
  double best = 1e300;
  for (auto _ : state) best = std::min(best, bench::seconds(work));
  state.counters["best_ms"] = best * 1e3;
  return best;
}

void time_assignment(benchmark::State& state) {
  assignment a(1, 10, 1);
  thread_pool one(1);
  const double best = best_of(state, [&] { a.run(one); });
  state.counters["comparisons/s"] = 10.0 * static_cast<double>(anchors().size()) / best;
}

void time_suppression(benchmark::State& state, const suppression& s) {
  const scored in(2000, s.clustered);
  cpu::nms_workspace space(2000);
  const int limit = s.limit ? s.limit : 2000;
  double compared = 0;
  const auto kept =
      suppress_by_definition(in.boxes, in.scores, 0.6f, static_cast<std::size_t>(limit), &compared).size();
  const double best = best_of(state, [&] {
    benchmark::DoNotOptimize(cpu::non_max_suppression(in.boxes, in.scores, 0.6f, 0.0f, limit, space).data());
  });
  state.counters["comparisons/s"] = compared / best;
  state.counters["kept"] = static_cast<double>(kept);
}

/// Elements a second of the classification loss and its gradient alone, from the nearest cache and on all threads: what
/// arithmetic allows.
double loss_ceiling() {
  constexpr int rounds = 200, vectors = 64;
  std::vector<cpu::aligned_vector<float>> tiles(static_cast<std::size_t>(pool().size()));
  for (auto& tile : tiles) tile.assign(vectors * cpu::lanes, -2.0f);
  const auto body = [&](int, int thread) {
    float* tile = tiles[static_cast<std::size_t>(thread)].data();
    for (int round = 0; round < rounds; ++round)
      for (int v = 0; v < vectors; ++v) {
        const cpu::vec x = cpu::load(tile + v * cpu::lanes);
        const auto [value, gradient] = weighted_sigmoid{}.element(x, cpu::vec(0.0f), cpu::vec(1.0f));
        cpu::store(tile + v * cpu::lanes, x + (value + gradient) * cpu::vec(1e-9f));
      }
  };
  double best = 1e300;
  for (int i = 0; i < 50; ++i) best = std::min(best, bench::seconds([&] { pool().run(pool().size(), body); }));
  return static_cast<double>(rounds) * vectors * cpu::lanes * pool().size() / best;
}

void time_loss(benchmark::State& state, const ssd_loss_options& options) {
  loss_problem p(batch_size, options);
  const double before = loss_ceiling(), best = best_of(state, [&] { p.run(pool()); });
  const auto elements = static_cast<double>(p.logits.size());
  state.counters["GB/s"] = 8 * (elements + static_cast<double>(p.encodings.size())) / best * 1e-9;
  state.counters["elements/s"] = elements / best;
  state.counters["arithmetic_share_%"] = 100 * elements / best / std::max(before, loss_ceiling());
}

void time_proposals(benchmark::State& state) {
  thread_pool one(1);
  proposal_problem p;
  const double best = best_of(state, [&] { p.run(one); });
  state.counters["anchors/s"] = p.anchors.size() / best;
  state.counters["proposals"] = p.count;
}

void time_detections(benchmark::State& state) {
  thread_pool one(1);
  detection_problem p(one);
  const double best = best_of(state, [&] { p.run(one); });
  state.counters["scores/s"] = static_cast<double>(p.logits.size()) / best;
  state.counters["detections"] = static_cast<double>(p.found[0].size());
}

template <class Function>
void add(const std::string& name, const Function& function) {
  benchmark::RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMillisecond)->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) try {
  check_assignment();
  for (const suppression& s : suppressions) check(s);
  check_loss();
  check_proposals();
  check_detections();
  add("assign/10x1917", time_assignment);
  for (const suppression& s : suppressions)
    add(std::string("non_max_suppression/2000/") + s.name,
        [&s](benchmark::State& state) { time_suppression(state, s); });
  add("ssd_loss/plain", [](benchmark::State& state) { time_loss(state, {}); });
  add("ssd_loss/mining", [](benchmark::State& state) { time_loss(state, mining()); });
  add("propose/29184", time_proposals);
  add("detections/300x90", time_detections);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_boxes: %s\n", e.what());
  return 1;
}
