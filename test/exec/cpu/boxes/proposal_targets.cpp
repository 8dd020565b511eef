// SPDX-License-Identifier: MIT
// From the stored predictions of whole two-stage detectors, step by step to their losses.
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/exec/cpu/boxes/box_classifier_loss.hpp>
#include <odt/exec/cpu/boxes/proposal_targets.hpp>
#include <odt/exec/cpu/boxes/rpn_loss.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>
#include <odt/similarities/iou.hpp>

#include "two_stage.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace {

namespace cpu = odt::cpu;
namespace test = odt::test;
using odt::boxf;

/// The arrays of a train case, batch 0; its numbers are those of the cases' configs.
struct train_case {
  std::string name;
  test::fs::path folder = test::golden() / "models" / name;
  int batch = static_cast<int>(load("num_proposals").size());
  odt::size2 input{static_cast<int>(load("image_shapes")[0]), static_cast<int>(load("image_shapes")[1])};

  test::array load(const std::string& array) const { return test::load_npy(folder / (array + ".npy")); }

  test::truth_memory truth() const {
    const auto boxes = test::to_boxes(load("groundtruth_boxes"));
    const auto classes = load("groundtruth_classes").as<int>(), counts = load("groundtruth_counts").as<int>();
    test::truth_memory t;
    t.size = batch, t.max_boxes = 20;
    const auto slots = static_cast<std::size_t>(batch) * 20;
    t.boxes.resize(slots), t.classes.resize(slots), t.weights.assign(slots, 1);
    std::size_t from = 0;
    for (std::size_t image = 0; image < static_cast<std::size_t>(batch); ++image) {
      t.counts.push_back(counts[image]);
      for (std::size_t i = 0; i < static_cast<std::size_t>(counts[image]); ++i, ++from)
        t.boxes[image * 20 + i] = boxes[from], t.classes[image * 20 + i] = classes[from] - 1;
    }
    return t;
  }

  /// Anchors in pixels; all cases but the R-FCN store them normalized.
  std::vector<boxf> anchors() const {
    auto boxes = test::to_boxes(load("anchors"));
    const bool pixels = std::ranges::any_of(boxes, [](const boxf& b) { return b.ymax > 2; });
    const auto h = static_cast<float>(input.height), w = static_cast<float>(input.width);
    for (boxf& b : boxes)
      if (!pixels) b = {b.ymin * h, b.xmin * w, b.ymax * h, b.xmax * w};
    return boxes;
  }

  std::vector<boxf> windows() const {
    const auto sizes = load("true_image_shapes");
    std::vector<boxf> result;
    for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i)
      result.push_back({0, 0, static_cast<float>(sizes[3 * i]), static_cast<float>(sizes[3 * i + 1])});
    return result;
  }

  template <class T>
  void check(const std::vector<T>& actual, const std::string& array, double rtol, double atol) const {
    test::check_close(std::span<const T>(actual), load(array), rtol, atol, name + " " + array);
  }

  /// What a sampler took of an image; the case numbers second stages first.
  void check_sample(std::span<const int> taken, std::size_t number) const {
    test::check_close(taken, load("sampled_" + std::to_string(number)), 0, 0, name + " sample");
  }
};

std::vector<train_case> train_cases() {
  std::vector<train_case> found;
  for (const char* name : {"train_faster_rcnn_resnet50", "train_faster_rcnn_resnet50_batch2",
                           "train_faster_rcnn_inception_v2", "train_mask_rcnn_inception_v2", "train_rfcn_resnet50"})
    if (test::fs::exists(test::golden() / "models" / name / "proposals_before_sampling.npy")) found.push_back({name});
  BOOST_REQUIRE(!found.empty());
  return found;
}

const test::fs::path first_case =
    odt::test::golden() / "models/train_faster_rcnn_resnet50/proposals_before_sampling.npy";

constexpr odt::balanced_sampler anchor_sampler{64, 0.5f, true}, proposal_sampler{16, 0.5f, true};

}  // namespace

BOOST_AUTO_TEST_SUITE(proposal_targets_tests)

BOOST_AUTO_TEST_CASE(the_first_stage_of_whole_detectors_is_trained_as_the_api_s, *odt::test::needs(first_case)) {
  odt::thread_pool pool(2);
  for (const train_case& c : train_cases()) {
    const auto encodings = c.load("rpn_box_encodings").as<float>();
    const auto logits = c.load("rpn_objectness_predictions_with_background").as<float>();
    const auto anchors = odt::all_anchors(c.anchors());
    test::truth_memory truth = c.truth();
    std::vector<boxf> pixels(truth.boxes.size());
    const odt::ground_truth moved = cpu::in_pixels(truth.view(), c.input, pixels.data());
    test::targets_memory targets(static_cast<std::size_t>(c.batch * anchors.size()));
    cpu::assign_workspace space(anchors.boxes, truth.max_boxes, pool.size());
    cpu::assign(pool, odt::iou_similarity{}, test::anchor_matcher(), odt::faster_rcnn_box_coder{}, moved, 1.0f, space,
                targets.view());
    c.check(targets.match, "rpn_match", 0, 0);
    c.check(targets.class_weights, "rpn_cls_weights", 0, 0);
    c.check(targets.regression_weights, "rpn_reg_weights", 0, 0);
    c.check(targets.regression, "rpn_reg_targets", 1e-4, 2e-5);

    cpu::rpn_loss_workspace memory(c.batch, anchors.size(), pool.size());
    test::samples_memory sampled(c.batch, anchor_sampler.size);
    cpu::sample_anchors(pool, anchor_sampler, 1, 0, anchors.size(), targets.view(), memory, sampled.view());
    for (std::size_t image = 0; image < static_cast<std::size_t>(c.batch); ++image)
      c.check_sample({sampled.indices.data() + 64 * image, static_cast<std::size_t>(sampled.counts[image])},
                     static_cast<std::size_t>(c.batch) + image);

    const auto losses = cpu::rpn_loss(
        pool, odt::weighted_softmax{}, odt::weighted_smooth_l1{}, {.localization_loss_weight = 2}, anchors,
        {c.batch, anchors.size(), encodings.data(), logits.data()}, {}, targets.view(), sampled.view(), memory);
    const auto expected = c.load("losses_f64");
    BOOST_TEST(losses.localization == expected[0], boost::test_tools::tolerance(3e-6));
    BOOST_TEST(losses.objectness == expected[1], boost::test_tools::tolerance(3e-6));
  }
}

BOOST_AUTO_TEST_CASE(the_second_stage_of_whole_detectors_is_trained_as_the_api_s, *odt::test::needs(first_case)) {
  odt::thread_pool pool(2);
  for (const train_case& c : train_cases()) {
    const auto encodings = c.load("rpn_box_encodings").as<float>();
    const auto logits = c.load("rpn_objectness_predictions_with_background").as<float>();
    const auto anchors = odt::all_anchors(c.anchors());
    cpu::proposal_workspace proposing(anchors.size(), pool.size());
    test::proposals_memory all(c.batch, 100), kept(c.batch, proposal_sampler.size);
    cpu::propose(pool, odt::faster_rcnn_box_coder{}, anchors, {.max_proposals = 100},
                 {c.batch, anchors.size(), encodings.data(), logits.data()}, c.input, c.windows(), proposing,
                 all.view());
    c.check(all.counts, "num_before_sampling", 0, 0);
    c.check(all.scores, "proposal_scores_before_sampling", 1e-5, 1e-6);
    c.check(test::to_floats(all.boxes), "proposals_before_sampling", 1e-5, 2e-4);

    test::truth_memory truth = c.truth();
    std::vector<boxf> pixels(truth.boxes.size());
    const odt::ground_truth moved = cpu::in_pixels(truth.view(), c.input, pixels.data());
    cpu::proposal_target_workspace space(100, truth.max_boxes, pool.size());
    cpu::sample_proposals(pool, odt::iou_similarity{}, test::proposal_matcher(), proposal_sampler, 1, 0, moved, c.input,
                          all.view(), space, kept.view());
    c.check(kept.counts, "num_proposals", 0, 0);
    c.check(test::to_floats(kept.boxes), "proposal_boxes", 1e-5, 2e-4);
    c.check(test::to_floats(kept.normalized), "proposal_boxes_normalized", 1e-5, 1e-6);

    test::targets_memory targets(kept.boxes.size());
    cpu::assign_proposals(pool, odt::iou_similarity{}, test::proposal_matcher(), odt::faster_rcnn_box_coder{}, moved,
                          kept.view(), space, targets.view());
    c.check(targets.match, "box_match", 0, 0);
    c.check(targets.regression_weights, "box_reg_weights", 0, 0);
    c.check(targets.regression, "box_reg_targets", 1e-4, 1e-4);

    const auto refined = c.load("refined_box_encodings");
    const auto codes = refined.as<float>(), classes = c.load("class_predictions_with_background").as<float>();
    const int boxes = static_cast<int>(refined.shape[1]);
    cpu::box_classifier_loss_workspace memory(c.batch, proposal_sampler.size, 3, pool.size());
    const auto losses = cpu::box_classifier_loss(
        pool, odt::weighted_softmax{}, odt::weighted_smooth_l1{}, {.localization_loss_weight = 2}, kept.view(),
        {c.batch, proposal_sampler.size, 3, boxes == 1, codes.data(), classes.data()}, {}, targets.view(), memory);
    const auto expected = c.load("losses_f64");
    BOOST_TEST(losses.localization == expected[2], boost::test_tools::tolerance(3e-6));
    BOOST_TEST(losses.classification == expected[3], boost::test_tools::tolerance(3e-6));
  }
}

BOOST_AUTO_TEST_CASE(without_objects_all_proposals_are_background) {
  odt::thread_pool pool(1);
  test::proposals_memory in(1, 8), out(1, 4);
  in.counts = {5};
  const std::vector<int> counts{0};
  const odt::ground_truth nothing{1, 3, counts.data(), nullptr, nullptr, nullptr};
  cpu::proposal_target_workspace space(8, 3, 1);
  cpu::sample_proposals(pool, odt::iou_similarity{}, test::proposal_matcher(), {4, 0.5f}, 1, 0, nothing, {10, 10},
                        in.view(), space, out.view());
  BOOST_TEST(out.counts[0] == 4);
  test::targets_memory targets(4);
  cpu::assign_proposals(pool, odt::iou_similarity{}, test::proposal_matcher(), odt::faster_rcnn_box_coder{}, nothing,
                        out.view(), space, targets.view());
  BOOST_TEST(targets.match == std::vector<int>(4, odt::unmatched));
  BOOST_TEST(targets.class_weights == std::vector<float>(4, 1));
}

BOOST_AUTO_TEST_CASE(fewer_proposals_than_the_sample_are_padded) {
  odt::thread_pool pool(1);
  test::proposals_memory in(1, 8), out(1, 6);
  in.counts = {3};
  in.boxes[0] = {0, 0, 5, 5}, in.boxes[1] = {5, 5, 9, 9}, in.boxes[2] = {0, 5, 5, 9};
  const std::vector<int> counts{1}, classes{2};
  const std::vector<boxf> box{{0, 0, 5, 6}};
  const std::vector<float> weights{1};
  cpu::proposal_target_workspace space(8, 1, 1);
  cpu::sample_proposals(pool, odt::iou_similarity{}, test::proposal_matcher(), {6, 0.5f}, 1, 0,
                        {1, 1, counts.data(), box.data(), classes.data(), weights.data()}, {10, 20}, in.view(), space,
                        out.view());
  BOOST_TEST(out.counts[0] == 3);
  BOOST_TEST((out.boxes[1] == boxf{5, 5, 9, 9}));
  BOOST_TEST((out.normalized[1] == boxf{0.5f, 0.25f, 9 * (1 / 10.0f), 9 * (1 / 20.0f)}));
  for (std::size_t i = 3; i < 6; ++i) BOOST_TEST((out.boxes[i] == boxf{0, 0, 0, 0}));
}

BOOST_AUTO_TEST_SUITE_END()
