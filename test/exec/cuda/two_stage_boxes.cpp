// SPDX-License-Identifier: MIT
// Proposals, samples, targets and losses of a two-stage detector, kernel by kernel, against the CPU's functions.
#include "exec/cuda/two_stage_boxes.hpp"

#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/exec/cpu/boxes/box_classifier_loss.hpp>
#include <odt/exec/cpu/boxes/mask_loss.hpp>
#include <odt/exec/cpu/boxes/proposal_targets.hpp>
#include <odt/exec/cpu/boxes/proposals.hpp>
#include <odt/exec/cpu/boxes/rpn_loss.hpp>
#include <odt/losses/sigmoid.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>
#include <odt/similarities/iou.hpp>

#include "exec/cpu/boxes/two_stage.hpp"
#include "exec/cuda/passes.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

namespace odt::test {
namespace {

namespace data = boost::unit_test::data;

constexpr int images = 3;
constexpr size2 input{112, 144};

boxf box_within(random_stream& random, float beyond) {
  const float y = random.uniform(-beyond, 90), x = random.uniform(-beyond, 120);
  return {y, x, y + random.uniform(6, 50), x + random.uniform(6, 50)};
}

std::vector<boxf> boxes_within(random_stream& random, int count, float beyond = 0) {
  std::vector<boxf> boxes;
  for (int i = 0; i < count; ++i) boxes.push_back(box_within(random, beyond));
  return boxes;
}

/// In pixels; an image without boxes and weights of 0 are among it.
truth_memory random_truth(random_stream& random) {
  truth_memory t;
  t.size = images, t.max_boxes = 6, t.counts = {4, 0, 6};
  t.boxes = boxes_within(random, images * t.max_boxes);
  for (std::size_t i = 0; i < t.boxes.size(); ++i) {
    t.classes.push_back(static_cast<int>(random.integer(0, 5)));
    t.weights.push_back(i % 5 == 1 ? 0.0f : random.uniform(0.5f, 1));
  }
  return t;
}

/// Many of them near the true boxes.
proposals_memory random_proposals(random_stream& random, const truth_memory& truth, int capacity) {
  proposals_memory p(images, capacity);
  p.counts = {capacity, capacity / 2, capacity - 3};
  for (int i = 0; i < images * capacity; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const bool padding = i % capacity >= p.counts[static_cast<std::size_t>(i / capacity)];
    boxf b = box_within(random, 0);
    if (i % 3 == 0) {
      b = truth.boxes[static_cast<std::size_t>(i / capacity * truth.max_boxes) + at % 6];
      b.ymin += random.uniform(0, 8), b.xmax += random.uniform(0, 8);
    }
    p.boxes[at] = padding ? boxf{0, 0, 0, 0} : b;
    p.normalized[at] = normalized(p.boxes[at], input);
    p.scores[at] = padding ? 0.0f : random.uniform();
  }
  return p;
}

/// Of that many rows; `none` is the share of candidates that count for nothing.
targets_memory random_targets(random_stream& random, int rows, float objects, float none, int classes) {
  targets_memory t(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < t.match.size(); ++i) {
    const float u = random.uniform();
    const bool object = u < objects;
    t.match[i] = object ? static_cast<int>(random.integer(0, 4)) : unmatched;
    t.classes[i] = object ? static_cast<int>(random.integer(1, classes + 1)) : 0;
    t.regression_weights[i] = object ? random.uniform(0.5f, 1) : 0;
    t.class_weights[i] = object ? t.regression_weights[i] : u > 1 - none ? 0.0f : 1.0f;
    for (std::size_t k = 0; k < 4; ++k) t.regression[4 * i + k] = object ? random.uniform(-2, 2) : 0;
  }
  return t;
}

void check_proposals(const proposals_memory& actual, const proposals_memory& expected, float tolerance) {
  BOOST_TEST(actual.counts == expected.counts);
  BOOST_TEST(to_floats(actual.boxes) == to_floats(expected.boxes), boost::test_tools::tolerance(tolerance)
                                                                       << boost::test_tools::per_element());
  BOOST_TEST(to_floats(actual.normalized) == to_floats(expected.normalized), boost::test_tools::tolerance(tolerance)
                                                                                 << boost::test_tools::per_element());
  BOOST_TEST(actual.scores == expected.scores, boost::test_tools::tolerance(tolerance)
                                                   << boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE(cuda_two_stage_boxes, *needs_gpu())

BOOST_DATA_TEST_CASE(proposals_are_the_cpus, data::make({20, 300}) * data::make({0.0f, 0.6f}), capacity, threshold) {
  random_stream random(static_cast<std::uint64_t>(capacity) + 1);
  const auto grid = boxes_within(random, 240, 30);
  const auto anchors = clip_to_window(grid, {0, 0, 112, 144}, true);
  BOOST_REQUIRE_LT(anchors.size(), anchors.all);
  const floats codes = normals(random, 4 * images * anchors.all), logits = normals(random, 2 * images * anchors.all);
  const std::vector<boxf> windows{{0, 0, 112, 144}, {0, 0, 90, 100}, {0, 0, 112, 20}};
  const rpn_predictions in{images, anchors.all, codes.data(), logits.data()};
  const first_stage_options o{.nms_score_threshold = threshold, .nms_iou_threshold = 0.5f, .max_proposals = capacity};
  thread_pool pool(1);
  odt::cpu::proposal_workspace space(anchors.size(), 1);
  proposals_memory actual(images, capacity), expected(images, capacity);
  odt::cpu::propose(pool, faster_rcnn_box_coder{}, anchors, o, in, input, windows, space, expected.view());
  propose_on_gpu(anchors, o, in, input, windows, actual.view());
  BOOST_TEST(expected.counts[0] > 0);
  check_proposals(actual, expected, 1e-4f);
}

const balanced_sampler samplers[] = {{40, 0.5f}, {400, 0.25f}, {64, 0.0f}, {64, 1.0f}, {50, 0.5f, true}, {1, 1.0f}};

BOOST_DATA_TEST_CASE(samples_of_anchors_are_the_cpus, data::xrange(6), number) {
  const balanced_sampler& how = samplers[number];
  for (const int anchors : {1, 300, 1500}) {
    random_stream random(static_cast<std::uint64_t>(anchors));
    targets_memory targets = random_targets(random, images * anchors, 0.1f, 0.3f, 5);
    samples_memory actual(images, how.size), expected(images, how.size);
    thread_pool pool(1);
    odt::cpu::rpn_loss_workspace space(images, anchors, 1);
    const std::uint64_t first_sample = 0x1234567890u;
    odt::cpu::sample_anchors(pool, how, 7, first_sample, anchors, targets.view(), space, expected.view());
    sample_anchors_on_gpu(how, 7, first_sample, anchors, targets.view(), actual.view());
    BOOST_TEST(actual.counts == expected.counts);
    for (int i = 0; i < images; ++i)
      for (int k = 0; k < expected.counts[static_cast<std::size_t>(i)]; ++k) {
        const auto at = static_cast<std::size_t>(i * how.size + k);
        BOOST_TEST(actual.indices[at] == expected.indices[at]);
      }
  }
}

BOOST_DATA_TEST_CASE(samples_of_proposals_and_their_targets_are_the_cpus, data::make({8, 30, 100}), size) {
  random_stream random(static_cast<std::uint64_t>(size));
  const truth_memory truth = random_truth(random);
  proposals_memory in = random_proposals(random, truth, 60), actual(images, size), expected(images, size);
  const balanced_sampler how{size, 0.25f};
  thread_pool pool(1);
  odt::cpu::proposal_target_workspace space(std::max(60, size), truth.max_boxes, 1);
  odt::cpu::sample_proposals(pool, iou_similarity{}, proposal_matcher(), how, 3, 40, truth.view(), input, in.view(),
                             space, expected.view());
  sample_proposals_on_gpu(0.5f, how, 3, 40, truth.view(), input, in.view(), actual.view());
  BOOST_TEST((actual.boxes == expected.boxes));
  BOOST_TEST((actual.normalized == expected.normalized));
  BOOST_TEST(actual.counts == expected.counts);
  BOOST_TEST(actual.scores == expected.scores);

  targets_memory targets(actual.boxes.size()), wanted(actual.boxes.size());
  odt::cpu::assign_proposals(pool, iou_similarity{}, proposal_matcher(), faster_rcnn_box_coder{}, truth.view(),
                             expected.view(), space, wanted.view());
  assign_proposals_on_gpu(0.5f, truth.view(), expected.view(), targets.view());
  BOOST_TEST(std::ranges::count(wanted.match, unmatched) < std::ssize(wanted.match));
  BOOST_TEST(targets.match == wanted.match);
  BOOST_TEST(targets.classes == wanted.classes);
  BOOST_TEST(targets.class_weights == wanted.class_weights);
  BOOST_TEST(targets.regression_weights == wanted.regression_weights);
  check_all(targets.regression, wanted.regression, 1e-6, "regression targets");
}

BOOST_AUTO_TEST_CASE(losses_of_the_first_stage_are_the_cpus) {
  random_stream random(5);
  const auto grid = boxes_within(random, 200, 30);
  const auto anchors = prune_outside_window(grid, {0, 0, 112, 144});
  BOOST_REQUIRE_LT(anchors.size(), anchors.all);
  const floats codes = normals(random, 4 * images * anchors.all), logits = normals(random, 2 * images * anchors.all);
  const rpn_predictions in{images, anchors.all, codes.data(), logits.data()};
  targets_memory targets = random_targets(random, images * anchors.size(), 0.2f, 0.2f, 5);
  samples_memory sampled(images, 24);
  thread_pool pool(1);
  odt::cpu::rpn_loss_workspace space(images, anchors.size(), 1);
  odt::cpu::sample_anchors(pool, {24, 0.5f}, 1, 0, anchors.size(), targets.view(), space, sampled.view());
  sampled.counts[1] = 0, sampled.counts[2] = 11;
  const first_stage_options o{.localization_loss_weight = 2, .objectness_loss_weight = 0.5f};
  floats encodings(codes.size()), objectness(logits.size()), wanted_encodings = encodings,
                                                             wanted_objectness = objectness;
  const auto expected =
      odt::cpu::rpn_loss(pool, weighted_softmax{}, weighted_smooth_l1{}, o, anchors, in,
                         {wanted_encodings.data(), wanted_objectness.data()}, targets.view(), sampled.view(), space);
  const two_stage_losses actual =
      rpn_loss_on_gpu(o, anchors, in, {encodings.data(), objectness.data()}, targets.view(), sampled.view());
  BOOST_TEST(actual.rpn_localization == expected.localization, boost::test_tools::tolerance(1e-5f));
  BOOST_TEST(actual.rpn_objectness == expected.objectness, boost::test_tools::tolerance(1e-5f));
  BOOST_TEST(actual.localization + actual.classification + actual.masks == 0);
  check_all(encodings, wanted_encodings, 1e-5, "gradients of encodings");
  check_all(objectness, wanted_objectness, 1e-5, "gradients of objectness");
}

BOOST_DATA_TEST_CASE(losses_of_the_second_stage_are_the_cpus,
                     data::make({false, true}) * data::make({false, true}) * data::make({4, 40}), shared_boxes, mines,
                     classes) {
  random_stream random(static_cast<std::uint64_t>(classes) + 9);
  const int capacity = 37, rows = images * capacity;
  const truth_memory truth = random_truth(random);
  proposals_memory boxes = random_proposals(random, truth, capacity);
  targets_memory targets = random_targets(random, rows, 0.4f, 0, classes);
  const floats codes = normals(random, 4 * rows * (shared_boxes ? 1 : classes)),
               logits = normals(random, rows * (1 + classes));
  const box_classifier_predictions in{images, capacity, classes, shared_boxes, codes.data(), logits.data()};
  second_stage_options o{.localization_loss_weight = 2, .classification_loss_weight = 0.5f};
  if (mines) o.miner = hard_example_miner{.num_hard_examples = 10, .iou_threshold = 0.7f};
  thread_pool pool(1);
  odt::cpu::box_classifier_loss_workspace space(images, capacity, classes, 1);
  floats encodings(codes.size()), to_logits(logits.size()), wanted_encodings = encodings, wanted_logits = to_logits;
  const auto expected =
      odt::cpu::box_classifier_loss(pool, weighted_softmax{}, weighted_smooth_l1{}, o, boxes.view(), in,
                                    {wanted_encodings.data(), wanted_logits.data()}, targets.view(), space);
  const two_stage_losses actual =
      box_classifier_loss_on_gpu(o, boxes.view(), in, {encodings.data(), to_logits.data()}, targets.view());
  BOOST_TEST(actual.localization == expected.localization, boost::test_tools::tolerance(1e-5f));
  BOOST_TEST(actual.classification == expected.classification, boost::test_tools::tolerance(1e-5f));
  check_all(encodings, wanted_encodings, 1e-5, "gradients of encodings");
  check_all(to_logits, wanted_logits, 1e-5, "gradients of logits");
}

BOOST_DATA_TEST_CASE(masks_and_their_loss_are_the_cpus, data::make({1, 4}), classes) {
  random_stream random(static_cast<std::uint64_t>(classes) + 3);
  const int capacity = 9, rows = images * capacity, area = 5 * 6;
  const truth_memory truth = random_truth(random);
  proposals_memory boxes = random_proposals(random, truth, capacity);
  boxes.normalized[1].xmax = 1.3f;
  targets_memory targets = random_targets(random, rows, 0.6f, 0, 4);
  std::vector<image> masks;
  for (int i = 0; i < images * truth.max_boxes; ++i)
    for (auto& pixel : masks.emplace_back(input.height, input.width, 1).pixels) pixel = random.uniform() < 0.5f;
  const floats logits = normals(random, rows * area * classes);
  const mask_predictions in{images, capacity, 5, 6, classes, logits.data()};
  thread_pool pool(1);
  odt::cpu::mask_loss_workspace space(images, capacity, {5, 6}, 1);
  floats crops(static_cast<std::size_t>(rows * area)), gradient(logits.size()), wanted_crops = crops, wanted = gradient;
  odt::cpu::assign_masks(pool, boxes.view(), targets.view(), masks, truth.max_boxes, {5, 6}, wanted_crops.data());
  const float expected = odt::cpu::mask_loss(pool, weighted_sigmoid{}, 3, boxes.view(), in, wanted.data(),
                                             targets.view(), wanted_crops.data(), space);
  const float actual =
      mask_loss_on_gpu(3, boxes.view(), in, gradient.data(), targets.view(), masks, truth.max_boxes, crops.data());
  BOOST_TEST(actual == expected, boost::test_tools::tolerance(1e-5f));
  BOOST_TEST(crops == wanted_crops, boost::test_tools::per_element());
  check_all(gradient, wanted, 1e-5, "gradients of masks");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
