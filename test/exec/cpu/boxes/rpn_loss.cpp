// SPDX-License-Identifier: MIT
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/exec/cpu/boxes/assign.hpp>
#include <odt/exec/cpu/boxes/rpn_loss.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>
#include <odt/similarities/iou.hpp>

#include "two_stage.hpp"

#include <cmath>

namespace {

namespace cpu = odt::cpu;
namespace test = odt::test;
using odt::boxf;

/// Predictions and targets for anchors of which some were dropped.
struct problem {
  int batch = 2;
  odt::anchor_selection anchors;
  std::vector<float> encodings, objectness, encodings_gradient, objectness_gradient;
  test::targets_memory targets{0};
  test::samples_memory sampled{0, 0};

  odt::rpn_predictions view() const { return {batch, anchors.all, encodings.data(), objectness.data()}; }
  cpu::rpn_losses_report run(const odt::first_stage_options& o, int threads = 1) {
    odt::thread_pool pool(threads);
    cpu::rpn_loss_workspace space(batch, anchors.size(), threads);
    encodings_gradient.assign(encodings.size(), 99), objectness_gradient.assign(objectness.size(), 99);
    return cpu::rpn_loss(pool, odt::weighted_softmax{}, odt::weighted_smooth_l1{}, o, anchors, view(),
                         {encodings_gradient.data(), objectness_gradient.data()}, targets.view(), sampled.view(),
                         space);
  }
};

problem random_problem(std::uint64_t seed) {
  odt::random_stream random(seed);
  problem p;
  std::vector<boxf> boxes;
  for (int i = 0; i < 120; ++i) {
    const float y = random.uniform(-20, 80), x = random.uniform(-20, 80);
    boxes.push_back({y, x, y + random.uniform(10, 40), x + random.uniform(10, 40)});
  }
  p.anchors = odt::prune_outside_window(boxes, {0, 0, 100, 100});
  p.encodings.resize(2 * 4 * 120), p.objectness.resize(2 * 2 * 120);
  for (float& e : p.encodings) e = random.uniform(-2, 2);
  for (float& o : p.objectness) o = random.uniform(-3, 3);
  p.targets = test::targets_memory(2 * p.anchors.boxes.size());
  for (std::size_t i = 0; i < p.targets.match.size(); ++i) {
    const float u = random.uniform();
    const bool object = u<0.2f, none = u> 0.8f;
    p.targets.classes[i] = object ? static_cast<int>(random.integer(1, 9)) : 0;
    p.targets.regression_weights[i] = object ? random.uniform(0.5f, 1) : 0;
    p.targets.class_weights[i] = object ? p.targets.regression_weights[i] : none ? 0.0f : 1.0f;
    for (std::size_t k = 0; k < 4; ++k) p.targets.regression[4 * i + k] = object ? random.uniform(-2, 2) : 0;
  }
  odt::thread_pool pool(1);
  cpu::rpn_loss_workspace space(2, p.anchors.size(), 1);
  p.sampled = test::samples_memory(2, 20);
  cpu::sample_anchors(pool, {20, 0.5f}, seed, 0, p.anchors.size(), p.targets.view(), space, p.sampled.view());
  return p;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rpn_loss_tests)

BOOST_AUTO_TEST_CASE(losses_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/detectors/faster_rcnn_rpn_loss")) {
  for (const auto& c : test::golden_cases("detectors/faster_rcnn_rpn_loss")) {
    problem p;
    p.anchors = odt::all_anchors(test::to_boxes(c.in("anchors")));
    p.encodings = c.in("rpn_box_encodings").as<float>();
    p.objectness = c.in("rpn_objectness_predictions_with_background").as<float>();
    const test::truth_memory truth = test::truth_of(c);
    p.batch = truth.size;
    const std::size_t anchors = p.anchors.boxes.size();
    p.targets = test::targets_memory(anchors * static_cast<std::size_t>(p.batch));
    odt::thread_pool pool(1);
    cpu::assign_workspace space(p.anchors.boxes, truth.max_boxes, 1);
    cpu::assign(pool, odt::iou_similarity{}, test::anchor_matcher(), odt::faster_rcnn_box_coder{}, truth.view(), 1.0f,
                space, p.targets.view());
    p.sampled = test::samples_memory(p.batch, c.params().at("first_stage_minibatch_size"));
    const auto taken = c.in("sampled");
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const std::size_t image = i / anchors;
      if (taken[i] != 0)
        p.sampled.indices[image * static_cast<std::size_t>(p.sampled.capacity) +
                          static_cast<std::size_t>(p.sampled.counts[image]++)] = static_cast<int>(i % anchors);
    }
    odt::first_stage_options o;
    o.localization_loss_weight = c.params().at("first_stage_localization_loss_weight");
    o.objectness_loss_weight = c.params().at("first_stage_objectness_loss_weight");
    const auto report = p.run(o);
    test::check_close(std::vector{report.localization}, c.out("Loss/RPNLoss/localization_loss"), c, "localization");
    test::check_close(std::vector{report.objectness}, c.out("Loss/RPNLoss/objectness_loss"), c, "objectness");
    test::check_close(p.encodings_gradient, c.out("d_box_encodings"), c, "d encodings");
    test::check_close(p.objectness_gradient, c.out("d_objectness"), c, "d objectness");
  }
}

BOOST_AUTO_TEST_CASE(anchors_with_weight_are_sampled_and_only_they_have_gradients) {
  problem p = random_problem(4);
  p.run({});
  std::vector<char> sampled(240);
  for (std::size_t i = 0; i < 40; ++i) {
    BOOST_REQUIRE(p.sampled.counts[i / 20] == 20);
    const auto own = static_cast<std::size_t>(p.sampled.indices[i]);
    BOOST_TEST(p.targets.class_weights[i / 20 * p.anchors.boxes.size() + own] > 0);
    sampled[i / 20 * 120 + static_cast<std::size_t>(p.anchors.rows[own])] = 1;
  }
  for (std::size_t i = 0; i < 240; ++i) BOOST_TEST((p.objectness_gradient[2 * i] != 0) == (sampled[i] != 0));
  for (std::size_t i = 0; i < 240; ++i) BOOST_TEST((p.encodings_gradient[4 * i] == 0 || sampled[i]));
}

BOOST_AUTO_TEST_CASE(gradients_are_slopes_of_the_losses) {
  problem p = random_problem(5);
  const odt::first_stage_options o{.localization_loss_weight = 2, .objectness_loss_weight = 0.5f};
  p.run(o);
  const problem at = p;
  const auto slope = [&](std::vector<float> problem::*numbers, std::size_t i) {
    constexpr float h = 0.01f;
    problem above = at, below = at;
    (above.*numbers)[i] += h, (below.*numbers)[i] -= h;
    const auto a = above.run(o), b = below.run(o);
    return (double{a.objectness} + a.localization - b.objectness - b.localization) / (2 * h);
  };
  for (std::size_t i = 0; i < at.objectness.size(); i += 7)
    BOOST_TEST(std::abs(slope(&problem::objectness, i) - at.objectness_gradient[i]) < 1e-3);
  for (std::size_t i = 0; i < at.encodings.size(); i += 7)
    BOOST_TEST(std::abs(slope(&problem::encodings, i) - at.encodings_gradient[i]) < 1e-3);
}

BOOST_AUTO_TEST_CASE(an_image_without_a_sample_costs_nothing) {
  problem p = random_problem(6);
  p.sampled.counts = {0, 0};
  const auto report = p.run({});
  BOOST_TEST(report.localization == 0);
  BOOST_TEST(report.objectness == 0);
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  problem one = random_problem(7), three = one;
  const auto a = one.run({}), b = three.run({}, 3);
  BOOST_TEST(a.localization == b.localization);
  BOOST_TEST(a.objectness == b.objectness);
  BOOST_TEST((one.encodings_gradient == three.encodings_gradient));
}

BOOST_AUTO_TEST_SUITE_END()
