// SPDX-License-Identifier: MIT
// What works on boxes and variables rather than on pixels: assignment, both losses with mining, and the update, against
// the CPU's kernels.
#include "exec/cuda/boxes.hpp"

#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/exec/cpu/boxes/ssd_loss.hpp>
#include <odt/exec/cpu/passes/update.hpp>
#include <odt/losses/focal.hpp>
#include <odt/losses/l2.hpp>
#include <odt/losses/sigmoid.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>
#include <odt/matchers/argmax.hpp>
#include <odt/matchers/bipartite.hpp>
#include <odt/optimizers/adam.hpp>
#include <odt/optimizers/momentum.hpp>
#include <odt/optimizers/rms_prop.hpp>
#include <odt/similarities/iou.hpp>
#include <odt/similarities/neg_sq_dist.hpp>

#include "exec/cuda/passes.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <numeric>
#include <set>

namespace odt::test {
namespace {

namespace data = boost::unit_test::data;

boxf random_box(random_stream& random) {
  const float y = random.uniform(0, 0.8f), x = random.uniform(0, 0.8f);
  return {y, x, y + random.uniform(0.03f, 0.5f), x + random.uniform(0.03f, 0.5f)};
}

/// Boxes of which some are equal, so that similarities tie.
std::vector<boxf> boxes_with_ties(random_stream& random, int count) {
  std::vector<boxf> boxes;
  for (int i = 0; i < count; ++i)
    boxes.push_back(i > 4 && random.integer(0, 4) == 0 ? boxes[boxes.size() - 3] : random_box(random));
  return boxes;
}

/// Ground truth: images without boxes, twins, anchors themselves, and weights of 0 among it.
struct host_truth {
  static constexpr int images = 5, capacity = 12;
  std::vector<int> counts, classes;
  std::vector<boxf> boxes;
  std::vector<float> weights;

  host_truth(random_stream& random, const std::vector<boxf>& anchors) {
    for (int i = 0; i < images; ++i) counts.push_back(i == 0 ? 0 : static_cast<int>(random.integer(1, capacity + 1)));
    for (int i = 0; i < images * capacity; ++i) {
      const auto kind = random.integer(0, 5);
      const auto some = static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(anchors.size())));
      boxes.push_back(kind == 0 && i > 0 ? boxes.back() : kind == 1 ? anchors[some] : random_box(random));
      classes.push_back(static_cast<int>(random.integer(0, 7)));
      weights.push_back(random.integer(0, 5) == 0 ? 0.0f : random.uniform(0.25f, 1));
    }
  }
  ground_truth view() const { return {images, capacity, counts.data(), boxes.data(), classes.data(), weights.data()}; }
};

template <class Similarity, class Matcher>
host_targets assign_on_cpu(const Similarity& similarity, const Matcher& matcher, const ground_truth& truth,
                           const std::vector<boxf>& anchors, float negative_class_weight) {
  const std::size_t rows = static_cast<std::size_t>(truth.size) * anchors.size();
  host_targets t{std::vector<int>(rows),
                 std::vector<int>(rows),
                 std::vector<float>(rows),
                 std::vector<float>(4 * rows),
                 std::vector<float>(rows),
                 {},
                 {}};
  thread_pool pool(1);
  odt::cpu::assign_workspace space(anchors, truth.max_boxes, 1, image_matcher<Matcher>);
  odt::cpu::assign(
      pool, similarity, matcher, faster_rcnn_box_coder{}, truth, negative_class_weight, space,
      {t.match.data(), t.classes.data(), t.class_weights.data(), t.regression.data(), t.regression_weights.data()});
  for (int i = 0; i < truth.size; ++i) {
    const auto first = static_cast<std::size_t>(i) * anchors.size();
    cuda::match_counts counts;
    std::set<int> matched;
    double sum = 0;
    for (std::size_t at = first; at < first + anchors.size(); ++at) {
      sum += static_cast<double>(t.regression_weights[at]);
      ++(t.match[at] >= 0 ? counts.positives : t.match[at] == unmatched ? counts.negatives : counts.ignored);
      if (t.match[at] >= 0) matched.insert(t.match[at]);
    }
    counts.matched_boxes = static_cast<int>(matched.size());
    t.weight_sums.push_back(sum), t.counts.push_back(counts);
  }
  return t;
}

template <class Similarity, class Matcher>
void compare_targets(const Similarity& similarity, const Matcher& matcher, int anchor_count) {
  random_stream random(static_cast<std::uint64_t>(anchor_count));
  const std::vector<boxf> anchors = boxes_with_ties(random, anchor_count);
  const host_truth truth(random, anchors);
  const auto actual = assign_on_gpu(similarity, matcher, faster_rcnn_box_coder{}, truth.view(), anchors, 0.5f);
  const auto expected = assign_on_cpu(similarity, matcher, truth.view(), anchors, 0.5f);
  BOOST_TEST((actual.match == expected.match));
  BOOST_TEST((actual.classes == expected.classes));
  BOOST_TEST((actual.class_weights == expected.class_weights));
  BOOST_TEST((actual.regression_weights == expected.regression_weights));
  check_all(actual.regression, expected.regression, 1e-6, "regression targets");
  for (std::size_t i = 0; i < expected.counts.size(); ++i) {
    const cuda::match_counts &a = actual.counts[i], &e = expected.counts[i];
    BOOST_TEST((a.positives == e.positives && a.negatives == e.negatives && a.ignored == e.ignored));
    BOOST_TEST(a.matched_boxes == e.matched_boxes);
    BOOST_TEST(std::abs(actual.weight_sums[i] - expected.weight_sums[i]) <= 1e-9 * (1 + expected.weight_sums[i]));
  }
}

/// Predictions near their targets, with targets of a real assignment.
loss_problem random_problem(int anchors, int class_slots) {
  random_stream random(static_cast<std::uint64_t>(100 * anchors + class_slots));
  loss_problem p;
  p.batch = host_truth::images, p.class_slots = class_slots;
  p.anchors = boxes_with_ties(random, anchors);
  const host_truth truth(random, p.anchors);
  p.targets =
      assign_on_cpu(iou_similarity{}, argmax_matcher{{0.5f, 0.4f, false, true, true}}, truth.view(), p.anchors, 0.75f);
  p.logits = normals(random, p.batch * anchors * class_slots);
  for (float& x : p.logits) x *= 3;
  p.encodings = normals(random, p.batch * anchors * 4);
  for (std::size_t i = 0; i < p.encodings.size(); ++i) p.encodings[i] += p.targets.regression[i];
  return p;
}

/// Costs and gradients of all anchors.
template <class Classes, class Boxes>
loss_results losses_on_cpu(const Classes& classes, const Boxes& boxes, ssd_loss_options options, loss_problem p) {
  options.miner.reset();
  const int anchors = static_cast<int>(p.anchors.size());
  thread_pool pool(1);
  odt::cpu::ssd_loss_workspace space(p.batch, anchors, p.class_slots, 1);
  loss_results r;
  r.logits_gradient.resize(p.logits.size()), r.encodings_gradient.resize(p.encodings.size());
  host_targets& t = p.targets;
  const assigned_targets targets{t.match.data(), t.classes.data(), t.class_weights.data(), t.regression.data(),
                                 t.regression_weights.data()};
  const auto report = odt::cpu::ssd_loss(pool, classes, boxes, faster_rcnn_box_coder{}, options, p.anchors,
                                         {p.batch, anchors, p.class_slots, p.encodings.data(), p.logits.data()},
                                         {r.encodings_gradient.data(), r.logits_gradient.data()}, targets,
                                         odt::cpu::total_matches(t.match.size(), targets), space);
  r.report.classification = report.classification, r.report.localization = report.localization;
  r.classification = space.classification, r.localization = space.localization;
  return r;
}

/// What the CPU's mining keeps, given the GPU's boxes and losses.
std::vector<std::uint8_t> mined_on_cpu(const hard_example_miner& how, const loss_problem& p, const loss_results& gpu,
                                       cuda::ssd_losses_report& counts) {
  odt::cpu::mining_workspace space;
  const std::size_t anchors = p.anchors.size();
  std::vector<std::uint8_t> kept(p.targets.match.size());
  for (std::size_t first = 0; first < kept.size(); first += anchors) {
    const auto mined =
        odt::cpu::mine(how, std::span(gpu.boxes).subspan(first, anchors), std::span(gpu.ranks).subspan(first, anchors),
                       std::span(p.targets.match).subspan(first, anchors), space);
    for (const int a : mined.selected) kept[first + static_cast<std::size_t>(a)] = 1;
    counts.mined_positives += mined.positives, counts.mined_negatives += mined.negatives;
  }
  return kept;
}

/// Clears the gradients of what is not kept; returns the share of the costs that stays.
double keep(const std::vector<std::uint8_t>& kept, const std::vector<float>& costs, std::vector<float>& gradients) {
  const std::size_t columns = gradients.size() / kept.size();
  double all = 0, some = 0;
  for (std::size_t row = 0; row < kept.size(); ++row) {
    all += static_cast<double>(costs[row]);
    if (kept[row] != 0)
      some += static_cast<double>(costs[row]);
    else
      std::fill_n(gradients.begin() + static_cast<std::ptrdiff_t>(row * columns), columns, 0.0f);
  }
  return all > 0 ? some / all : 1;
}

void check_near(double actual, double expected, double tolerance, const std::string& what) {
  BOOST_CHECK_MESSAGE(std::abs(actual - expected) <= tolerance * std::max(1e-3, std::abs(expected)),
                      what << " is " << actual << ", expected " << expected);
}

template <class Classes, class Boxes>
void compare_losses(const Classes& classes, const Boxes& boxes, const ssd_loss_options& options,
                    const loss_problem& p) {
  const loss_results actual = losses_on_gpu(classes, boxes, options, p);
  loss_results expected = losses_on_cpu(classes, boxes, options, p);
  check_all(actual.classification, expected.classification, 1e-5, "classification costs");
  check_all(actual.localization, expected.localization, 1e-5, "localization costs");
  double class_share = 1, box_share = 1;
  if (options.miner) {
    const auto kept = mined_on_cpu(*options.miner, p, actual, expected.report);
    BOOST_TEST((actual.kept == kept));
    class_share = keep(kept, expected.classification, expected.logits_gradient);
    box_share = keep(kept, expected.localization, expected.encodings_gradient);
  }
  check_all(actual.logits_gradient, expected.logits_gradient, 1e-5, "gradients of the logits");
  check_all(actual.encodings_gradient, expected.encodings_gradient, 1e-5, "gradients of the encodings");
  const cuda::ssd_losses_report &a = actual.report, &e = expected.report;
  check_near(static_cast<double>(a.classification), static_cast<double>(e.classification) * class_share, 1e-5,
             "the classification loss");
  check_near(static_cast<double>(a.localization), static_cast<double>(e.localization) * box_share, 1e-5,
             "the localization loss");
  BOOST_TEST(a.total == a.localization + a.classification);
  BOOST_TEST((a.mined_positives == e.mined_positives && a.mined_negatives == e.mined_negatives));
  const loss_results again = losses_on_gpu(classes, boxes, options, p);
  BOOST_TEST((again.logits_gradient == actual.logits_gradient && again.report.classification == a.classification));
}

std::vector<ssd_loss_options> all_loss_options() {
  ssd_loss_options plain;
  ssd_loss_options weighted;
  weighted.classification_weight = 0.5f, weighted.localization_weight = 2;
  weighted.normalize_loc_loss_by_codesize = weighted.encode_background_as_zeros = true;
  ssd_loss_options unnormalized;
  unnormalized.normalize_loss_by_num_matches = unnormalized.add_background_class = false;
  std::vector<ssd_loss_options> all{plain, weighted, unnormalized};
  for (const hard_example_miner& miner : {hard_example_miner{3000, 0.99f, mining_loss::classification, 3, 0},
                                          hard_example_miner{64, 0.3f, mining_loss::both, 0, 0},
                                          hard_example_miner{0, 0.7f, mining_loss::localization, 1, 20}}) {
    all.push_back(weighted);
    all.back().miner = miner;
  }
  return all;
}

/// Pieces of variables with all kinds of regularizers; the second last is frozen.
std::vector<update_piece> all_pieces() {
  std::vector<update_piece> pieces{{0, 16, {}, 1, true},
                                   {0, 48, regularizer::l2(0.01f), 1, true},
                                   {0, 16384, regularizer::l2(4e-5f), 1, true},
                                   {0, 2064, regularizer::l1(0.02f), 2, true},
                                   {0, 1024, regularizer::l2(0.03f), 1, false},
                                   {0, 5008, {}, 0.5f, true}};
  for (std::size_t i = 1; i < pieces.size(); ++i) pieces[i].offset = pieces[i - 1].offset + pieces[i - 1].size;
  return pieces;
}

int floats_of(const std::vector<update_piece>& pieces) {
  return static_cast<int>(pieces.back().offset + pieces.back().size);
}

template <optimizer O>
host_stores fresh_stores(random_stream& random, int count, bool averages) {
  host_stores s{normals(random, count), normals(random, count), {}, {}};
  if (averages) s.averages = normals(random, count);
  for (const optimizer_slot& slot : O::slots) s.slots.emplace_back(static_cast<std::size_t>(count), slot.initial);
  return s;
}

odt::cpu::update_stores views(host_stores& s) {
  odt::cpu::update_stores v{s.values.data(), s.gradients.data(), {}, s.averages.empty() ? nullptr : s.averages.data()};
  for (auto& slot : s.slots) v.slots.push_back(slot.data());
  return v;
}

void compare_stores(const host_stores& actual, const host_stores& expected) {
  check_all(actual.values, expected.values, 1e-6, "values");
  check_all(actual.gradients, expected.gradients, 1e-6, "gradients");
  check_all(actual.averages, expected.averages, 1e-6, "averages");
  for (std::size_t s = 0; s < expected.slots.size(); ++s) check_all(actual.slots[s], expected.slots[s], 1e-6, "a slot");
}

template <optimizer O>
void compare_updates(const O& how, const update_options& options) {
  const auto pieces = all_pieces();
  random_stream random(7);
  host_stores expected = fresh_stores<O>(random, floats_of(pieces), options.average), actual = expected;
  optimizer_scalars<O> scalars = initial_scalars<O>();
  odt::cpu::update_plan plan(pieces);
  thread_pool pool(1);
  for (int step = 0; step < 3; ++step) {
    expected.gradients = actual.gradients = normals(random, floats_of(pieces));
    const auto report = update_on_gpu(how, options, how.rate(0.01f, scalars), pieces, actual, 0);
    const update_report wanted = odt::cpu::update(pool, how, scalars, options, 0.01f, plan, views(expected));
    check_near(report.gradient_norm, wanted.gradient_norm, 1e-6, "the gradients' norm");
    check_near(report.regularization_loss, wanted.regularization_loss, 1e-6, "the regularization loss");
    BOOST_TEST(report.finite == 1);
    compare_stores(actual, expected);
  }
}

/// Nothing but the gradients may change.
template <optimizer O>
void compare_refused(float gradient, float loss) {
  const auto pieces = all_pieces();
  random_stream random(8);
  host_stores stores = fresh_stores<O>(random, floats_of(pieces), true);
  stores.gradients[100] = gradient;
  const host_stores before = stores;
  const auto report = update_on_gpu(O{}, {}, 0.01f, pieces, stores, loss);
  BOOST_TEST(report.finite == 0);
  BOOST_TEST((stores.values == before.values && stores.averages == before.averages && stores.slots == before.slots));
}

BOOST_AUTO_TEST_SUITE(cuda_boxes, *needs_gpu())

const std::vector<int> anchor_counts = emulated ? std::vector{1, 150} : std::vector{1, 33, 700, 1917};

BOOST_DATA_TEST_CASE(targets_are_the_cpus, data::make(anchor_counts), anchors) {
  for (const auto& matcher :
       {argmax_matcher{}, argmax_matcher{{.force_match_for_each_row = true}},
        argmax_matcher{{0.6f, 0.3f, false, true, true}}, argmax_matcher{{0.6f, 0.3f, false, false, false}},
        argmax_matcher{{.ignore_thresholds = true}}})
    compare_targets(iou_similarity{}, matcher, anchors);
  compare_targets(neg_sq_dist_similarity{}, argmax_matcher{{-0.2f, -0.4f, false, true, true}}, anchors);
  compare_targets(iou_similarity{}, bipartite_matcher{}, anchors);
  compare_targets(neg_sq_dist_similarity{}, bipartite_matcher{}, anchors);
}

BOOST_DATA_TEST_CASE(losses_are_the_cpus, data::make(anchor_counts) * data::make({8, 21, 91}), anchors, columns) {
  const loss_problem p = random_problem(anchors, columns);
  for (const ssd_loss_options& options : all_loss_options()) {
    compare_losses(weighted_sigmoid{}, weighted_smooth_l1{}, options, p);
    compare_losses(weighted_softmax{{.logit_scale = 2}}, weighted_smooth_l1{}, options, p);
    compare_losses(weighted_sigmoid_focal{{.gamma = 2, .alpha = 0.25f}}, weighted_l2{}, options, p);
  }
}

// Boxes of very different sizes: a threshold near 0 lets a small box be suppressed by one whose corner is far away.
BOOST_DATA_TEST_CASE(mining_with_any_threshold_is_the_cpus,
                     data::make({-1.0f, 0.0f, 1e-7f, 1e-3f, 0.02f, 0.9999f, 1.5f}), threshold) {
  constexpr int anchors = emulated ? 200 : 900;
  random_stream random(3);
  loss_problem p;
  loss_results r;
  p.anchors.resize(anchors), p.targets.match.assign(anchors, unmatched);
  for (int i = 0; i < anchors; ++i) {
    boxf b{random.uniform(), random.uniform(), 0, 0};
    b.ymax = b.ymin + std::exp(random.uniform(-16, 0)), b.xmax = b.xmin + std::exp(random.uniform(-16, 0));
    if (i > 9 && random.integer(0, 3) == 0) b = r.boxes[r.boxes.size() - 5];
    if (i == 0) b = {0, 0, 0.5f, 0.5f};  // ranks best
    r.boxes.push_back(b), r.ranks.push_back(i == 0 ? 5.0f : random.integer(0, 9) == 0 ? 1.0f : random.uniform(0, 4));
  }
  const hard_example_miner how{0, threshold, mining_loss::both, 0, 0};
  const on_device<int> match(p.targets.match);
  const on_device<float> ranks(r.ranks);
  const cuda::device_array<boxf> boxes(anchors);
  cuda::check(cudaMemcpy(boxes.data(), r.boxes.data(), boxes.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  const cuda::device_array<std::byte> scratch(static_cast<std::size_t>(cuda::mining_scratch_bytes(1, anchors)));
  const on_device<std::uint8_t> kept(std::vector<int>(anchors, 9));
  const cuda::device_array<cuda::mined_counts> counts(1);
  cuda::mine(nullptr, how, 1, anchors, boxes.data(), ranks.data(), match.data(), scratch.data(), kept.data(),
             counts.data());
  cuda::ssd_losses_report unused;
  const auto expected = mined_on_cpu(how, p, r, unused);
  BOOST_TEST((kept.host() == std::vector<float>(expected.begin(), expected.end())));
}

BOOST_AUTO_TEST_CASE(updates_are_the_cpus) {
  const std::vector<update_options> all{
      {}, {.clip_norm = 10}, {.clip_norm = 1e6f, .regularize = false, .average = false}};
  for (const update_options& options : all) {
    compare_updates(rms_prop{}, options);
    compare_updates(momentum{}, options);
    compare_updates(adam{}, options);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_changes_nothing) {
  compare_refused<rms_prop>(NAN, 0);
  compare_refused<adam>(INFINITY, 0);
  compare_refused<momentum>(1, NAN);
}

BOOST_AUTO_TEST_CASE(regularizers_cost_what_they_cost_on_the_cpu) {
  const auto pieces = all_pieces();
  random_stream random(9);
  const floats values = normals(random, floats_of(pieces));
  const on_device<float> on_gpu(values);
  const cuda::device_pieces device_pieces(pieces);
  const cuda::device_array<cuda::device_update_report> memory(1);
  cuda::measure_gradients(nullptr, {}, device_pieces.view(), on_gpu.data(), nullptr, nullptr, memory.data());
  cuda::device_update_report report;
  cuda::check(cudaMemcpy(&report, memory.data(), sizeof report, cudaMemcpyDeviceToHost), "cudaMemcpy");
  odt::cpu::update_plan plan(pieces);
  thread_pool pool(1);
  check_near(report.regularization_loss, odt::cpu::regularization_loss(pool, plan, values.data()), 1e-6,
             "the regularization loss");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
