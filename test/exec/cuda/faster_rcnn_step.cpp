// SPDX-License-Identifier: MIT
// Whole steps of two-stage detectors on a GPU against the CPU's: boxes, layers, gradients, variables, detections.
#include <odt/core/random.hpp>

#include "exec/cuda/device.hpp"
#include "exec/cuda/two_stage_detectors.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <algorithm>

namespace odt {
inline std::ostream& operator<<(std::ostream& out, precision p) { return out << name_of(p); }
}  // namespace odt

namespace odt::test {
namespace {

namespace data = boost::unit_test::data;

/// By name: proposals alone, Faster R-CNN, the same with one box for all classes and mining, R-FCN, Mask R-CNN.
const std::vector<std::string> kinds{"rpn", "faster_rcnn", "shared_boxes", "rfcn", "mask_rcnn"};

hyperparams plain_conv() {
  return {.weights = initializer::variance_scaling(2, fan_mode::fan_in, true),
          .act = activation::relu,
          .has_batch_norm = false};
}

tiny_faster_rcnn::options options_of(const std::string& kind) {
  tiny_faster_rcnn::options o;
  o.num_classes = 3;
  o.number_of_stages = kind == "rpn" ? 1 : kind == "mask_rcnn" ? 3 : 2;
  std::get<0>(o.anchor_generator).opts = {
      .height = 16, .width = 16, .height_stride = 4, .width_stride = 4, .scales = {1.0f, 1.7f}};
  o.regions.depth = 16, o.regions.initial_crop_size = 6;
  o.regions.conv.weights = initializer::truncated_normal(0.2f);
  o.loss.first.sampler.size = 24, o.loss.first.max_proposals = 20, o.loss.second.sampler.size = 12;
  o.loss.first.localization_loss_weight = 2;
  o.post_processing.suppression.max_total_detections = o.post_processing.suppression.max_detections_per_class = 8;
  mask_rcnn_box_predictor head;
  if (kind == "mask_rcnn") {
    head.opts.conv = {plain_conv(), true};
    head.opts.predict_instance_masks = true, head.opts.mask_prediction_conv_depth = 8;
    head.opts.mask_height = head.opts.mask_width = 6;
  }
  if (kind == "shared_boxes") {
    head.opts.share_box_across_classes = true;
    o.loss.second.miner = hard_example_miner{.num_hard_examples = 6, .iou_threshold = 0.7f};
  }
  o.box_predictor = head;
  if (kind == "rfcn")
    o.box_predictor = rfcn_box_predictor{{.conv = {plain_conv(), true},
                                          .num_spatial_bins_height = 2,
                                          .num_spatial_bins_width = 2,
                                          .depth = 8,
                                          .crop_height = 4,
                                          .crop_width = 4}};
  return o;
}

/// Two images, one of them padded, with objects of the anchors' sizes and their masks; every number gives others.
batch objects(int number, int images = 2) {
  const size2 input{48, 56};
  random_stream random(static_cast<std::uint64_t>(number) + 1);
  batch b = batch::zeros(images, input.height, input.width, 4);
  for (float& x : b.images) x = random.uniform(-1, 1);
  b.true_sizes.front() = {48, 40}, b.first_sample = static_cast<std::uint64_t>(number * images);
  b.masks.resize(static_cast<std::size_t>(images * b.max_boxes));
  for (int i = 0; i < images; ++i) {
    b.counts[static_cast<std::size_t>(i)] = 3;
    for (int k = 0; k < 3; ++k) {
      const auto at = static_cast<std::size_t>(i * b.max_boxes + k);
      const float y = random.uniform(0, 0.55f), x = random.uniform(0, 0.35f);
      b.boxes[at] = {y, x, y + random.uniform(0.3f, 0.42f), x + random.uniform(0.27f, 0.35f)};
      b.classes[at] = static_cast<int>(random.integer(0, 3)), b.weights[at] = 1;
      for (auto& pixel : (b.masks[at] = image(input.height, input.width, 1)).pixels) pixel = random.uniform() < 0.5f;
    }
  }
  return b;
}

struct pair_of_detectors {
  tiny_faster_rcnn cpu, gpu;

  explicit pair_of_detectors(const std::string& kind)
      : cpu(options_of(kind), {.seed = 3, .threads = 1, .device = "cpu", .compute = precision::fp32}),
        gpu(options_of(kind), {.seed = 3, .threads = 1, .device = "cuda", .compute = precision::fp32}) {}

  auto& cpu_step() { return static_cast<odt::cpu::faster_rcnn_step<tiny_faster_rcnn::axes>&>(cpu.device()); }

  /// Layers of a train step: those before the boxes whose masks are predicted in inference.
  int trained_layers() const {
    int regions = 0, l = 0;
    for (; l < cpu.layers().size(); ++l)
      if (cpu.layers()[l].kind == layer_kind::regions && ++regions == 2) break;
    return l;
  }
};

void compare_reports(const step_report& actual, const step_report& expected, float tolerance) {
  BOOST_REQUIRE_EQUAL(actual.losses.size(), expected.losses.size());
  for (std::size_t i = 0; i < expected.losses.size(); ++i) {
    BOOST_TEST(actual.losses[i].first == expected.losses[i].first);
    const float a = actual.losses[i].second, e = expected.losses[i].second;
    BOOST_TEST(std::abs(a - e) <= tolerance * (1e-3f + std::abs(e)),
               expected.losses[i].first << ": " << a << ", the CPU's " << e);
  }
  BOOST_TEST(std::abs(actual.total_loss - expected.total_loss) <= tolerance * std::abs(expected.total_loss));
}

/// Of the first counts[i] rows of every image.
template <class Row, class Compare>
void each_counted(const std::vector<int>& counts, int capacity, const std::vector<Row>& actual, const Row* expected,
                  const Compare& compare) {
  for (std::size_t i = 0; i < counts.size(); ++i)
    for (int k = 0; k < counts[i]; ++k) {
      const std::size_t at = i * static_cast<std::size_t>(capacity) + static_cast<std::size_t>(k);
      compare(actual[at], expected[at]);
    }
}

void compare_boxes(odt::cpu::two_stage_boxes<tiny_faster_rcnn::axes>& expected, const two_stage_look& actual,
                   bool second_stage) {
  const auto near = [](const boxf& a, const boxf& e) {
    const float largest = std::max(
        {std::abs(a.ymin - e.ymin), std::abs(a.xmin - e.xmin), std::abs(a.ymax - e.ymax), std::abs(a.xmax - e.xmax)});
    BOOST_TEST(largest <= 1e-2f);
  };
  const auto same = [](int a, int e) { BOOST_TEST(a == e); };
  const auto counts_of = [](const int* counts, std::size_t images) {
    return std::vector<int>(counts, counts + images);
  };
  const std::size_t images = actual.proposal_counts.size();
  const proposals all = expected.all_proposals(), taken = expected.taken();
  const samples sampled = expected.sampled();
  BOOST_TEST(actual.sampled_counts == counts_of(sampled.counts, images));
  each_counted(actual.sampled_counts, sampled.capacity, actual.sampled, sampled.indices, same);
  const auto anchors = static_cast<std::size_t>(expected.anchors().size()) * images;
  BOOST_TEST(std::ranges::equal(actual.first_match, std::span(expected.first_targets().match, anchors)));
  BOOST_TEST(std::ranges::any_of(actual.first_match, [](int m) { return m >= 0; }));
  if (!second_stage) return;
  BOOST_TEST(actual.proposal_counts == counts_of(all.counts, images));
  each_counted(actual.proposal_counts, all.capacity, actual.proposals, all.boxes, near);
  BOOST_TEST(actual.taken_counts == counts_of(taken.counts, images));
  each_counted(actual.taken_counts, taken.capacity, actual.taken, taken.boxes, near);
  each_counted(actual.taken_counts, taken.capacity, actual.second_match, expected.second_targets().match, same);
  BOOST_TEST(std::ranges::any_of(actual.second_match, [](int m) { return m >= 0; }));
}

BOOST_AUTO_TEST_SUITE(cuda_faster_rcnn_step, *needs_gpu())

BOOST_DATA_TEST_CASE(every_box_layer_and_gradient_agrees_with_the_cpus, data::make(kinds), kind) {
  pair_of_detectors both(kind);
  both.cpu_step().network_runner().keep_all(true);
  keep_all_of_tiny_on_gpu(both.gpu.device(), true);
  const batch b = objects(0);
  compare_reports(both.gpu.train_step(b), both.cpu.train_step(b), 1e-3f);
  compare_boxes(both.cpu_step().boxes(), look_into_gpu(both.gpu.device()), kind != "rpn");
  for (int l = 0; l < both.trained_layers(); ++l)
    check_distance(output_of_tiny_on_gpu(both.gpu.device(), l), both.cpu_step().network_runner().values_of(l), 1e-3,
                   std::string(both.cpu.layers()[l].name));
  const auto actual = both.gpu.device().stores().gradients, expected = both.cpu.device().stores().gradients;
  for (const variable& v : both.cpu.variables().variables) {
    if (!v.trainable) continue;
    const auto first = static_cast<std::size_t>(v.offset), count = static_cast<std::size_t>(v.size);
    const auto wanted = expected.subspan(first, count), found = actual.subspan(first, count);
    check_distance({found.begin(), found.end()}, wanted, 2e-3, v.name);
    BOOST_TEST(std::ranges::any_of(wanted, [](float g) { return g != 0; }), v.name << " has no gradient");
  }
}

/// The second step is captured, the third replays it.
BOOST_DATA_TEST_CASE(trained_variables_agree_with_the_cpus, data::make(kinds), kind) {
  pair_of_detectors both(kind);
  for (int step = 0; step < 4; ++step) {
    const batch b = objects(step);
    const step_report expected = both.cpu.train_step(b), actual = both.gpu.train_step(b);
    BOOST_TEST(actual.finite);
    compare_reports(actual, expected, 2e-3f);
  }
  const auto actual = both.gpu.device().stores().values, expected = both.cpu.device().stores().values;
  check_distance({actual.begin(), actual.end()}, expected, 1e-3, "variables");
}

/// Within a mined second stage, evaluation and detection look at all proposals.
BOOST_DATA_TEST_CASE(evaluations_agree_with_the_cpus, data::make(kinds), kind) {
  pair_of_detectors both(kind);
  for (int number = 0; number < 3; ++number)
    compare_reports(both.gpu.evaluate(objects(number)), both.cpu.evaluate(objects(number)), 1e-3f);
}

BOOST_DATA_TEST_CASE(detections_agree_with_the_cpus, data::make(kinds), kind) {
  pair_of_detectors both(kind);
  for (int number = 0; number < 3; ++number) {
    const auto found = both.gpu.detect(objects(number)), wanted = both.cpu.detect(objects(number));
    BOOST_REQUIRE_EQUAL(found.size(), wanted.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      BOOST_REQUIRE_EQUAL(found[i].size(), wanted[i].size());
      BOOST_REQUIRE(!found[i].empty());
      for (std::size_t k = 0; k < found[i].size(); ++k) {
        const detection &f = found[i][k], &w = wanted[i][k];
        BOOST_TEST(std::abs(f.score - w.score) <= 1e-4f);
        BOOST_TEST(f.label == w.label);
        BOOST_TEST(iou(f.bounds, w.bounds) >= 0.999f);
        BOOST_TEST(f.mask.pixels.empty() == (kind != "mask_rcnn"));
        check_distance(f.mask.pixels, w.mask.pixels, 1e-3, "mask");
      }
    }
  }
}

BOOST_DATA_TEST_CASE(two_runs_agree_bit_for_bit, data::make({precision::fp32, precision::bf16}), compute) {
  const auto run = [compute] {
    tiny_faster_rcnn d(options_of("mask_rcnn"), {.seed = 3, .threads = 1, .device = "cuda", .compute = compute});
    for (int i = 0; i < 2; ++i) BOOST_TEST(d.train_step(objects(i)).finite);
    const auto values = d.device().stores().values;
    return std::vector<float>(values.begin(), values.end());
  };
  BOOST_TEST((run() == run()));
}

BOOST_AUTO_TEST_CASE(a_run_takes_the_memory_that_was_foreseen) {
  tiny_faster_rcnn d(options_of("mask_rcnn"), {.seed = 3, .threads = 1, .device = "cuda"});
  const batch trained = objects(0, 1), evaluated = objects(1);
  const auto shape = [](const batch& b, bool trains) {
    return step_shape{b.size, {b.height, b.width}, b.max_boxes, trains};
  };
  const std::vector<step_shape> steps{shape(trained, true), shape(evaluated, false), shape(trained, false)};
  const memory_forecast all = d.foresee(steps), train = d.foresee(std::span(steps).first(1));
  d.announce(trained);
  d.train_step(trained);
  BOOST_TEST(d.planned_bytes() == train.needed);
  d.evaluate(evaluated), d.evaluate(trained), d.detect(evaluated);
  BOOST_TEST(d.planned_bytes() == all.needed);
}

BOOST_AUTO_TEST_CASE(masks_that_are_missing_are_refused) {
  tiny_faster_rcnn d(options_of("mask_rcnn"), {.seed = 3, .threads = 1, .device = "cuda"});
  batch b = objects(0);
  b.masks.clear();
  BOOST_CHECK_EXCEPTION(d.train_step(b), error, [](const error& e) {
    return std::string_view(e.what()).find("has no masks") != std::string_view::npos;
  });
}

BOOST_AUTO_TEST_CASE(layers_that_are_not_finite_are_found) {
  tiny_faster_rcnn d(options_of("faster_rcnn"), {.seed = 3, .threads = 1, .device = "cuda"});
  batch b = objects(0);
  BOOST_TEST(d.first_non_finite_layer(b).empty());
  b.images[7] = INFINITY;
  BOOST_TEST(!d.first_non_finite_layer(b).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
