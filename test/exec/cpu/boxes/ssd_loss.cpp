// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/boxes/ssd_loss.hpp>

#include <golden.hpp>
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/config/pipeline.hpp>
#include <odt/core/any_of.hpp>
#include <odt/core/random.hpp>
#include <odt/losses/bootstrapped_sigmoid.hpp>
#include <odt/losses/focal.hpp>
#include <odt/losses/l1.hpp>
#include <odt/losses/l2.hpp>
#include <odt/losses/sigmoid.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>
#include <odt/matchers/argmax.hpp>
#include <odt/similarities/iou.hpp>

#include <cmath>
#include <string>
#include <variant>
#include <vector>

namespace {

namespace cpu = odt::cpu;
using odt::boxf;

using class_losses =
    odt::any_of<odt::weighted_sigmoid, odt::weighted_softmax, odt::weighted_sigmoid_focal, odt::bootstrapped_sigmoid>;
using box_losses = odt::any_of<odt::weighted_smooth_l1, odt::weighted_l2, odt::l1_localization_loss>;

/// Predictions and targets of a batch, and room for what the loss gives back.
struct problem {
  int batch = 0, class_slots = 0;
  std::vector<boxf> anchors;
  std::vector<float> logits, encodings, logits_gradient, encodings_gradient;
  std::vector<int> match, classes;
  std::vector<float> class_weights, regression, regression_weights;

  void resize(int images, int slots, std::vector<boxf> boxes) {
    batch = images, class_slots = slots, anchors = std::move(boxes);
    const std::size_t rows = static_cast<std::size_t>(images) * anchors.size();
    logits.resize(rows * static_cast<std::size_t>(slots));
    encodings.resize(rows * 4);
    logits_gradient.assign(logits.size(), 99);
    encodings_gradient.assign(encodings.size(), 99);
    match.resize(rows), classes.resize(rows), class_weights.resize(rows), regression_weights.resize(rows);
    regression.resize(rows * 4);
  }
  odt::assigned_targets targets() {
    return {match.data(), classes.data(), class_weights.data(), regression.data(), regression_weights.data()};
  }
};

double matches(problem& p) { return cpu::total_matches(p.match.size(), p.targets()); }

template <class Classes, class Boxes>
cpu::ssd_losses_report run(problem& p, const Classes& classes, const Boxes& boxes, const odt::ssd_loss_options& o,
                           cpu::ssd_loss_workspace& space, odt::thread_pool& pool) {
  return cpu::ssd_loss(
      pool, classes, boxes, odt::faster_rcnn_box_coder{}, o, p.anchors,
      {p.batch, static_cast<int>(p.anchors.size()), p.class_slots, p.encodings.data(), p.logits.data()},
      {p.encodings_gradient.data(), p.logits_gradient.data()}, p.targets(), matches(p), space);
}

template <class Classes, class Boxes>
cpu::ssd_losses_report run(problem& p, const Classes& classes, const Boxes& boxes, const odt::ssd_loss_options& o,
                           int threads = 1) {
  odt::thread_pool pool(threads);
  cpu::ssd_loss_workspace space(p.batch, static_cast<int>(p.anchors.size()), p.class_slots, threads);
  return run(p, classes, boxes, o, space, pool);
}

problem golden_problem(const odt::test::golden_case& c, float negative_class_weight) {
  problem p;
  const auto anchors = c.in("anchors").as<float>();
  std::vector<boxf> boxes;
  for (std::size_t i = 0; i < anchors.size(); i += 4)
    boxes.push_back({anchors[i], anchors[i + 1], anchors[i + 2], anchors[i + 3]});
  const auto logits = c.in("class_predictions_with_background");
  p.resize(static_cast<int>(logits.shape[0]), static_cast<int>(logits.shape[2]), boxes);
  p.logits = logits.as<float>();
  p.encodings = c.in("box_encodings").as<float>();

  const auto& inputs = c.content["inputs"];
  constexpr int capacity = 16;
  std::vector<int> counts, classes(static_cast<std::size_t>(p.batch) * capacity);
  std::vector<boxf> truth(classes.size());
  std::vector<float> weights(classes.size());
  for (std::size_t image = 0; image < static_cast<std::size_t>(p.batch); ++image) {
    const auto corners = c.to_array(inputs["groundtruth_boxes"][image]).as<float>();
    const auto one_hot = c.to_array(inputs["groundtruth_classes_one_hot"][image]).values;
    const auto weight = c.to_array(inputs["groundtruth_weights"][image]).as<float>();
    counts.push_back(static_cast<int>(corners.size() / 4));
    for (std::size_t i = 0; i < corners.size() / 4; ++i) {
      const std::size_t at = image * capacity + i, columns = one_hot.size() / (corners.size() / 4);
      truth[at] = {corners[4 * i], corners[4 * i + 1], corners[4 * i + 2], corners[4 * i + 3]};
      weights[at] = weight[i];
      for (std::size_t k = 0; k < columns; ++k)
        if (one_hot[i * columns + k] > 0) classes[at] = static_cast<int>(k);
    }
  }
  odt::thread_pool pool(1);
  cpu::assign_workspace space(p.anchors, capacity, 1);
  cpu::assign(pool, odt::iou_similarity{}, odt::argmax_matcher{{.force_match_for_each_row = true}},
              odt::faster_rcnn_box_coder{},
              {p.batch, capacity, counts.data(), truth.data(), classes.data(), weights.data()}, negative_class_weight,
              space, p.targets());
  return p;
}

/// Predictions near random targets, some of them ignored.
problem random_problem(int batch, int anchors, int class_slots, std::uint64_t seed) {
  odt::random_stream random(seed);
  std::vector<boxf> boxes;
  for (int i = 0; i < anchors; ++i) {
    const float y = random.uniform(), x = random.uniform();
    boxes.push_back({y, x, y + random.uniform(0.05f, 0.5f), x + random.uniform(0.05f, 0.5f)});
  }
  problem p;
  p.resize(batch, class_slots, boxes);
  for (float& x : p.logits) x = random.uniform(-3, 3);
  for (float& x : p.encodings) x = random.uniform(-2, 2);
  for (std::size_t i = 0; i < p.match.size(); ++i) {
    const float u = random.uniform();
    p.match[i] = u < 0.1f ? static_cast<int>(random.integer(0, 5)) : u < 0.2f ? odt::ignored : odt::unmatched;
    const bool positive = p.match[i] >= 0;
    p.classes[i] = positive ? static_cast<int>(random.integer(1, class_slots)) : 0;
    p.regression_weights[i] = positive ? random.uniform(0.5f, 1) : 0;
    p.class_weights[i] = positive ? p.regression_weights[i] : p.match[i] == odt::ignored ? 0.0f : 1.0f;
    for (std::size_t k = 0; k < 4; ++k) p.regression[4 * i + k] = positive ? random.uniform(-2, 2) : 0;
  }
  return p;
}

odt::ssd_loss_options mining_options() {
  odt::ssd_loss_options o;
  o.miner = odt::hard_example_miner{.num_hard_examples = 3000,
                                    .iou_threshold = 0.99f,
                                    .ranks_by = odt::mining_loss::classification,
                                    .max_negatives_per_positive = 3};
  return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ssd_loss_tests)

BOOST_AUTO_TEST_CASE(losses_and_gradients_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/detectors/ssd_loss")) {
  for (const auto& c : odt::test::golden_cases("detectors/ssd_loss")) {
    const auto config =
        odt::pipeline::parse("model { ssd { " + c.params().at("config").get<std::string>() + " } }", c.path.string());
    const odt::settings& ssd = config.root().at("model").at("ssd");
    const auto o = odt::ssd_loss_options::from(ssd);
    const auto classes = odt::read_choice<class_losses>(ssd.at("loss").at("classification_loss"));
    const auto boxes = odt::read_choice<box_losses>(ssd.at("loss").at("localization_loss"));
    problem p = golden_problem(c, o.negative_class_weight);
    const auto report = std::visit([&](const auto& a, const auto& b) { return run(p, a, b, o); }, classes, boxes);
    odt::test::check_close(std::vector{report.localization}, c.out("Loss/localization_loss"), c, "localization");
    odt::test::check_close(std::vector{report.classification}, c.out("Loss/classification_loss"), c, "classification");
    odt::test::check_close(p.encodings_gradient, c.out("d_box_encodings"), c, "d encodings");
    odt::test::check_close(p.logits_gradient, c.out("d_class_predictions"), c, "d logits");
  }
}

BOOST_AUTO_TEST_CASE(one_anchor_by_hand) {
  // Two anchors: one matched to class 2 with an error of 0.5 in ty; the other background. All logits are 0.
  problem p;
  p.resize(1, 3, {{0, 0, 1, 1}, {0, 0, 0.5f, 0.5f}});
  p.match = {0, -1}, p.classes = {2, 0}, p.class_weights = {1, 1}, p.regression_weights = {1, 0};
  p.encodings[0] = 0.5f;
  const auto report = run(p, odt::weighted_sigmoid{}, odt::weighted_smooth_l1{}, {});
  const auto near = boost::test_tools::tolerance(1e-6f);
  BOOST_TEST(report.classification == 6 * 0.693147181f, near);
  BOOST_TEST(report.localization == 0.125f, near);
  BOOST_TEST(p.logits_gradient == (std::vector{0.5f, 0.5f, -0.5f, -0.5f, 0.5f, 0.5f}),
             near << boost::test_tools::per_element());
  BOOST_TEST(p.encodings_gradient == (std::vector<float>{0.5f, 0, 0, 0, 0, 0, 0, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(gradients_are_slopes_of_the_losses) {
  problem p = random_problem(2, 37, 4, 5);
  const odt::weighted_softmax classes;
  const odt::weighted_smooth_l1 boxes;
  odt::ssd_loss_options o{
      .classification_weight = 0.5f, .localization_weight = 2, .normalize_loc_loss_by_codesize = true};
  run(p, classes, boxes, o);
  const problem at = p;
  const auto slope = [&](std::vector<float> problem::*numbers, std::size_t i) {
    constexpr float h = 0.01f;
    problem above = at, below = at;
    (above.*numbers)[i] += h, (below.*numbers)[i] -= h;
    const auto a = run(above, classes, boxes, o), b = run(below, classes, boxes, o);
    return (double{a.classification} + a.localization - b.classification - b.localization) / (2 * h);
  };
  for (std::size_t i = 0; i < at.logits.size(); i += 5)
    BOOST_TEST(std::abs(slope(&problem::logits, i) - at.logits_gradient[i]) < 2e-3);
  for (std::size_t i = 0; i < at.encodings.size(); i += 3)
    BOOST_TEST(std::abs(slope(&problem::encodings, i) - at.encodings_gradient[i]) < 2e-3);
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  for (const auto& o : {odt::ssd_loss_options{}, mining_options()}) {
    problem first = random_problem(3, 203, 7, 6);
    const auto report = run(first, odt::weighted_sigmoid{}, odt::weighted_smooth_l1{}, o);
    for (const int threads : {2, 5}) {
      problem p = random_problem(3, 203, 7, 6);
      const auto r = run(p, odt::weighted_sigmoid{}, odt::weighted_smooth_l1{}, o, threads);
      BOOST_TEST(r.classification == report.classification);
      BOOST_TEST(r.localization == report.localization);
      BOOST_TEST((p.logits_gradient == first.logits_gradient));
      BOOST_TEST((p.encodings_gradient == first.encodings_gradient));
    }
  }
}

BOOST_AUTO_TEST_CASE(only_mined_anchors_send_gradients_and_they_are_those_of_the_plain_loss) {
  problem p = random_problem(2, 150, 5, 7), plain = p;
  odt::thread_pool pool(1);
  cpu::ssd_loss_workspace space(2, 150, 5, 1);
  const auto report = run(p, odt::weighted_sigmoid{}, odt::weighted_smooth_l1{}, mining_options(), space, pool);
  run(plain, odt::weighted_sigmoid{}, odt::weighted_smooth_l1{}, {});
  double kept = 0, classification = 0;
  for (std::size_t i = 0; i < space.kept.size(); ++i) {
    kept += space.kept[i];
    if (space.kept[i] > 0) classification += space.classification[i];
    for (std::size_t k = 0; k < 5; ++k)
      BOOST_TEST(p.logits_gradient[5 * i + k] == space.kept[i] * plain.logits_gradient[5 * i + k]);
    for (std::size_t k = 0; k < 4; ++k)
      BOOST_TEST(p.encodings_gradient[4 * i + k] == space.kept[i] * plain.encodings_gradient[4 * i + k]);
  }
  BOOST_TEST(kept == report.mined_positives + report.mined_negatives);
  BOOST_TEST(kept < 300);
  BOOST_TEST(report.classification == classification / std::max(matches(p), 1.0), boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(the_workspace_can_be_used_again) {
  odt::thread_pool pool(2);
  cpu::ssd_loss_workspace space(2, 150, 5, 2);
  problem p = random_problem(2, 150, 5, 8), other = random_problem(2, 150, 5, 9);
  const auto first = run(p, odt::weighted_sigmoid{}, odt::weighted_smooth_l1{}, mining_options(), space, pool);
  run(other, odt::weighted_sigmoid{}, odt::weighted_smooth_l1{}, mining_options(), space, pool);
  const auto again = run(p, odt::weighted_sigmoid{}, odt::weighted_smooth_l1{}, mining_options(), space, pool);
  BOOST_TEST(first.classification == again.classification);
  BOOST_TEST(first.localization == again.localization);
}

BOOST_AUTO_TEST_SUITE_END()
