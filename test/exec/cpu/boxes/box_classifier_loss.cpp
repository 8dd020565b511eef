// SPDX-License-Identifier: MIT
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/exec/cpu/boxes/box_classifier_loss.hpp>
#include <odt/exec/cpu/boxes/proposal_targets.hpp>
#include <odt/losses/focal.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>
#include <odt/similarities/iou.hpp>

#include "two_stage.hpp"

#include <cmath>

namespace {

namespace cpu = odt::cpu;
namespace test = odt::test;
using odt::boxf;

struct problem {
  int batch = 2, capacity = 0, classes = 0;
  bool shared_boxes = false;
  test::proposals_memory boxes{0, 0};
  std::vector<float> encodings, logits, encodings_gradient, logits_gradient;
  test::targets_memory targets{0};

  odt::box_classifier_predictions view() const {
    return {batch, capacity, classes, shared_boxes, encodings.data(), logits.data()};
  }
  template <class Classification = odt::weighted_softmax>
  cpu::box_classifier_losses_report run(const odt::second_stage_options& o, int threads = 1,
                                        const Classification& classification = {}) {
    odt::thread_pool pool(threads);
    cpu::box_classifier_loss_workspace space(batch, capacity, classes, threads);
    encodings_gradient.assign(encodings.size(), 99), logits_gradient.assign(logits.size(), 99);
    return cpu::box_classifier_loss(pool, classification, odt::weighted_smooth_l1{}, o, boxes.view(), view(),
                                    {encodings_gradient.data(), logits_gradient.data()}, targets.view(), space);
  }
};

problem random_problem(std::uint64_t seed, bool shared_boxes = false) {
  odt::random_stream random(seed);
  problem p;
  p.capacity = 45, p.classes = 21, p.shared_boxes = shared_boxes;
  p.boxes = test::proposals_memory(2, p.capacity);
  p.boxes.counts = {45, 33};
  for (boxf& b : p.boxes.boxes) {
    const float y = random.uniform(0, 80), x = random.uniform(0, 80);
    b = {y, x, y + random.uniform(10, 40), x + random.uniform(10, 40)};
  }
  p.encodings.resize(90 * 4 * (shared_boxes ? 1 : 21)), p.logits.resize(90 * 22);
  for (float& e : p.encodings) e = random.uniform(-2, 2);
  for (float& l : p.logits) l = random.uniform(-3, 3);
  p.targets = test::targets_memory(90);
  for (std::size_t i = 0; i < 90; ++i) {
    const bool object = random.uniform() < 0.4f;
    p.targets.match[i] = object ? 0 : odt::unmatched;
    p.targets.classes[i] = object ? static_cast<int>(random.integer(1, 22)) : 0;
    p.targets.regression_weights[i] = object ? random.uniform(0.5f, 1) : 0;
    p.targets.class_weights[i] = object ? p.targets.regression_weights[i] : 1;
    for (std::size_t k = 0; k < 4; ++k) p.targets.regression[4 * i + k] = object ? random.uniform(-2, 2) : 0;
  }
  return p;
}

double sum(const cpu::box_classifier_losses_report& r) { return double{r.classification} + r.localization; }

}  // namespace

BOOST_AUTO_TEST_SUITE(box_classifier_loss_tests)

BOOST_AUTO_TEST_CASE(losses_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/detectors/faster_rcnn_box_classifier_loss")) {
  for (const auto& c : test::golden_cases("detectors/faster_rcnn_box_classifier_loss")) {
    const test::truth_memory truth = test::truth_of(c);
    const auto encodings = c.in("refined_box_encodings"), counts = c.in("num_proposals");
    problem p;
    p.batch = truth.size, p.capacity = c.params().at("max_num_proposals"), p.classes = c.params().at("num_classes");
    p.shared_boxes = encodings.shape[1] == 1;
    p.boxes = test::proposals_memory(p.batch, p.capacity);
    p.boxes.boxes = test::to_boxes(c.in("proposal_boxes")), p.boxes.counts = counts.as<int>();
    p.encodings = encodings.as<float>(), p.logits = c.in("class_predictions_with_background").as<float>();
    p.targets = test::targets_memory(p.boxes.boxes.size());
    odt::thread_pool pool(1);
    cpu::proposal_target_workspace space(p.capacity, truth.max_boxes, 1);
    cpu::assign_proposals(pool, odt::iou_similarity{}, test::proposal_matcher(), odt::faster_rcnn_box_coder{},
                          truth.view(), p.boxes.view(), space, p.targets.view());
    odt::second_stage_options o;
    o.localization_loss_weight = c.params().at("second_stage_localization_loss_weight");
    o.classification_loss_weight = c.params().at("second_stage_classification_loss_weight");
    if (c.params().at("extra") != "") o.miner = odt::hard_example_miner{.num_hard_examples = 6, .iou_threshold = 0.7f};
    const auto report = p.run(o);
    test::check_close(std::vector{report.localization}, c.out("Loss/BoxClassifierLoss/localization_loss"), c, "boxes");
    test::check_close(std::vector{report.classification}, c.out("Loss/BoxClassifierLoss/classification_loss"), c,
                      "classes");
    test::check_close(p.encodings_gradient, c.out("d_refined_box_encodings"), c, "d encodings");
    test::check_close(p.logits_gradient, c.out("d_class_predictions"), c, "d logits");
  }
}

BOOST_AUTO_TEST_CASE(gradients_are_slopes_of_the_losses) {
  const odt::second_stage_options o{.localization_loss_weight = 2, .classification_loss_weight = 0.5f};
  for (const bool shared_boxes : {false, true}) {
    problem p = random_problem(5, shared_boxes);
    p.run(o, 1, odt::weighted_softmax{});
    const problem at = p;
    const auto slope = [&](std::vector<float> problem::*numbers, std::size_t i) {
      constexpr float h = 0.01f;
      problem above = at, below = at;
      (above.*numbers)[i] += h, (below.*numbers)[i] -= h;
      return (sum(above.run(o)) - sum(below.run(o))) / (2 * h);
    };
    for (std::size_t i = 0; i < at.logits.size(); i += 37)
      BOOST_TEST(std::abs(slope(&problem::logits, i) - at.logits_gradient[i]) < 1e-3);
    for (std::size_t i = 0; i < at.encodings.size(); i += shared_boxes ? 5 : 37)
      BOOST_TEST(std::abs(slope(&problem::encodings, i) - at.encodings_gradient[i]) < 1e-3);
  }
}

BOOST_AUTO_TEST_CASE(padding_costs_nothing_and_only_the_box_of_the_target_has_a_gradient) {
  problem p = random_problem(6);
  const auto report = p.run({});
  for (std::size_t i = 0; i < 90; ++i) {
    const bool padding = i >= 45 + 33;
    for (std::size_t k = 0; k < 22; ++k) BOOST_TEST((p.logits_gradient[22 * i + k] == 0) == padding);
    for (std::size_t k = 0; k < 21; ++k)
      BOOST_TEST((p.encodings_gradient[(21 * i + k) * 4] != 0) ==
                 (!padding && p.targets.classes[i] == static_cast<int>(k) + 1));
  }
  for (std::size_t i = 22 * 78; i < p.logits.size(); ++i) p.logits[i] = 1000;
  BOOST_TEST(p.run({}).classification == report.classification);
}

BOOST_AUTO_TEST_CASE(other_classification_losses_fit_in) {
  problem p = random_problem(7);
  const odt::weighted_sigmoid_focal focal;
  const auto report = p.run({}, 1, focal);
  double expected = 0;
  for (std::size_t i = 0; i < 78; ++i)
    for (std::size_t k = 0; k < 22; ++k) {
      const float target = p.targets.classes[i] == static_cast<int>(k) ? 1.0f : 0.0f;
      expected += static_cast<double>(focal.element(p.logits[22 * i + k], target, p.targets.class_weights[i]).value) /
                  (i < 45 ? 45 : 33) / 2;
    }
  BOOST_TEST(report.classification == expected, boost::test_tools::tolerance(1e-5));
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  odt::second_stage_options mining;
  mining.miner = odt::hard_example_miner{.num_hard_examples = 10};
  for (const auto& o : {odt::second_stage_options{}, mining}) {
    problem one = random_problem(8), three = one;
    const auto a = one.run(o), b = three.run(o, 3);
    BOOST_TEST(a.localization == b.localization);
    BOOST_TEST(a.classification == b.classification);
    BOOST_TEST((one.logits_gradient == three.logits_gradient));
    BOOST_TEST((one.encodings_gradient == three.encodings_gradient));
  }
}

BOOST_AUTO_TEST_SUITE_END()
