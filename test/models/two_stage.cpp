// SPDX-License-Identifier: MIT
// Two-stage detectors at full width with the fixtures' formula weights: from pixels to detections, and train steps from
// samples to updates.
#include "models/two_stage_case.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

namespace test = odt::test;
namespace data = boost::unit_test::data;

namespace two_stage_cases {

const auto full =
    test::present_cases({"full_faster_rcnn_resnet50", "full_faster_rcnn_inception_v2", "full_faster_rcnn_resnet101",
                         "full_rfcn_resnet50", "full_mask_rcnn_inception_v2", "full_mask_rcnn_resnet50_atrous",
                         "full_faster_rcnn_inception_resnet_v2_atrous", "full_faster_rcnn_nas"});
const auto trained =
    test::present_cases({"train_faster_rcnn_resnet50", "train_faster_rcnn_inception_v2",
                         "train_faster_rcnn_resnet50_batch2", "train_rfcn_resnet50", "train_mask_rcnn_inception_v2"});

/// What the regularizers cost: halves of the sums of squares.
double penalty(test::two_stage_case& c) {
  const std::span<const float> values = c.step().stores().values;
  double sum = 0;
  for (const odt::variable& v : c.detector->variables().variables) {
    if (v.penalty.kind != odt::penalty_kind::l2) continue;
    for (const float value : values.subspan(static_cast<std::size_t>(v.offset), static_cast<std::size_t>(v.size)))
      sum += static_cast<double>(v.penalty.weight) / 2 * static_cast<double>(value) * static_cast<double>(value);
  }
  return sum;
}

/// How many of the detections are not among the API's.
int misses(const odt::detections& found, const test::two_stage_case& c) {
  const auto boxes = c.load("detection_boxes"), scores = c.load("detection_scores"),
             labels = c.load("detection_classes");
  int missing = 0;
  for (const odt::detection& d : found) {
    bool there = false;
    for (std::size_t k = 0; k < scores.size() && !there; ++k) {
      const float corners[] = {d.bounds.ymin, d.bounds.xmin, d.bounds.ymax, d.bounds.xmax};
      there = std::abs(d.score - scores[k]) < 3e-5 && d.label == static_cast<int>(labels[k]);
      for (std::size_t i = 0; i < 4; ++i) there = there && std::abs(corners[i] - boxes[k * 4 + i]) < 5e-5;
    }
    missing += there ? 0 : 1;
  }
  return missing;
}

void check_integers(std::span<const int> actual, const test::array& expected, const char* what) {
  BOOST_REQUIRE_EQUAL(actual.size(), expected.size());
  int wrong = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) wrong += actual[i] != static_cast<int>(expected[i]) ? 1 : 0;
  BOOST_TEST(wrong == 0, what << ": " << wrong << " of " << actual.size() << " are wrong");
}

}  // namespace two_stage_cases

using namespace two_stage_cases;

BOOST_AUTO_TEST_SUITE(two_stage_tests, *test::needs(test::models()))

BOOST_DATA_TEST_CASE(predictions_and_detections_are_the_apis, data::make(full)) {
  test::two_stage_case c(sample);
  const odt::image photo = test::load_photo(c.folder / "photo.npy");
  const odt::detections found = c.detector->detect(photo);
  const auto& moved = c.what["sensitivity"].front();  // TensorFlow's own, when the weights move by a rounding error
  const auto near = [&](const float* actual, const char* array) {
    BOOST_TEST(c.distance(actual, array) < test::asked(3e-5, moved[array]["over_max"]), array);
  };
  near(c.of_anchors(odt::rpn_box_encodings, 4).data(), "rpn_box_encodings");
  near(c.of_anchors(odt::rpn_objectness, 2).data(), "rpn_objectness_predictions_with_background");
  BOOST_TEST(c.distance(&c.step().boxes().anchors().boxes[0].ymin, "anchors") < 1e-6);
  const auto losses = c.what.value("losses_evaluation_mode", test::json::object());
  BOOST_TEST(std::abs(penalty(c) - losses.value("Loss/regularization_loss", 0.0)) < 1e-5);
  const odt::proposals proposed = c.step().boxes().taken();
  BOOST_TEST(proposed.counts[0] == static_cast<int>(c.load("num_proposals")[0]));
  near(&proposed.boxes[0].ymin, "proposal_boxes");
  const auto flipped = c.flipped_crops("proposal_boxes_normalized", photo.size());
  BOOST_TEST(flipped.size() <= 2U);
  const auto near_but_for_flips = [&](int output, const char* array) {
    const auto expected = c.load(array).as<float>();
    const std::size_t columns = expected.size() / (c.load("proposal_boxes_normalized").size() / 4);
    std::vector<float> actual(c.runner().output(output), c.runner().output(output) + expected.size());
    for (const std::size_t row : flipped)
      std::copy_n(expected.begin() + static_cast<std::ptrdiff_t>(row * columns), columns,
                  actual.begin() + static_cast<std::ptrdiff_t>(row * columns));
    near(actual.data(), array);
  };
  near_but_for_flips(odt::refined_box_encodings, "refined_box_encodings");
  near_but_for_flips(odt::class_predictions, "class_predictions_with_background");
  if (!flipped.empty()) return;                                                   // of which detections may follow
  if (c.what["detections"]["scores_first_last"][1].get<double>() < 1e-6) return;  // saturated, as the README says
  BOOST_REQUIRE_EQUAL(found.size(), static_cast<std::size_t>(c.load("num_detections")[0]));
  BOOST_TEST(misses(found, c) <= 1);  // the last one may swap with the first that was dropped
  if (!test::fs::exists(c.folder / "detection_masks.npy")) return;
  const auto masks = c.load("detection_masks");
  for (std::size_t k = 0; k < found.size(); ++k) {
    const std::size_t pixels = found[k].mask.pixels.size();
    BOOST_REQUIRE_EQUAL(pixels * found.size(), masks.size());
    const auto first = masks.values.begin() + static_cast<std::ptrdiff_t>(k * pixels);
    BOOST_TEST(test::over_max(found[k].mask.pixels, {first, first + static_cast<std::ptrdiff_t>(pixels)}) < 5e-5);
  }
}

BOOST_DATA_TEST_CASE(a_train_step_gives_samples_targets_losses_and_gradients, data::make(trained)) {
  test::two_stage_case c(sample);
  c.runner().keep_all(true);
  const odt::step_report report = c.detector->train_step(c.photos(0));
  const auto near = [&](const std::vector<float>& actual, const char* array) {
    BOOST_TEST(test::over_max(actual, c.load(array).values) < 1e-5, array);
  };
  auto& boxes = c.step().boxes();
  near(c.of_anchors(odt::rpn_box_encodings, 4), "rpn_box_encodings_f64");
  near(c.of_anchors(odt::rpn_objectness, 2), "rpn_objectness_predictions_with_background_f64");
  const odt::proposals all = boxes.all_proposals(), taken = boxes.taken();
  check_integers({all.counts, static_cast<std::size_t>(all.batch)}, c.load("num_before_sampling"), "proposals");
  BOOST_TEST(c.distance(&all.boxes[0].ymin, "proposals_before_sampling") < 1e-5);
  BOOST_TEST(c.distance(&taken.boxes[0].ymin, "proposal_boxes") < 1e-5);
  const std::size_t anchors = static_cast<std::size_t>(boxes.anchors().size() * all.batch),
                    rows = static_cast<std::size_t>(taken.capacity * taken.batch);
  check_integers({boxes.first_targets().match, anchors}, c.load("rpn_match"), "matches of anchors");
  check_integers({boxes.second_targets().match, rows}, c.load("box_match"), "matches of proposals");
  BOOST_TEST(c.distance(boxes.first_targets().regression, "rpn_reg_targets") < 1e-5);
  BOOST_TEST(c.distance(boxes.second_targets().regression, "box_reg_targets") < 1e-5);
  BOOST_TEST(c.distance(c.runner().output(odt::refined_box_encodings), "refined_box_encodings_f64") < 1e-5);
  BOOST_TEST(c.distance(c.runner().output(odt::class_predictions), "class_predictions_with_background_f64") < 1e-5);

  const auto names = c.what["loss_names"];
  const auto exact = c.load("losses_f64");
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    const auto found =
        std::ranges::find(report.losses, names[i].get<std::string>(), [](const auto& loss) { return loss.first; });
    BOOST_REQUIRE_MESSAGE(found != report.losses.end(), "no loss " << names[i]);
    BOOST_TEST(std::abs(found->second - exact[i]) <= 3e-6 * std::abs(exact[i]), names[i]);
  }

  std::vector<double> distances;
  double worst = 0;
  std::string worst_name;
  const auto& variables = c.detector->variables().variables;
  const std::span<const float> gradients = c.step().stores().gradients;
  for (const auto& expected : test::load_samples(c.folder / "gradients_f64")) {
    const auto v = std::ranges::find(variables, odt::graph_name(expected.name), &odt::variable::name);
    BOOST_REQUIRE_MESSAGE(v != variables.end(), "no variable " << expected.name);
    const auto own = gradients.subspan(static_cast<std::size_t>(v->offset), static_cast<std::size_t>(v->size));
    distances.push_back(test::l2_distance(own, expected));
    if (distances.back() > worst) worst = distances.back(), worst_name = expected.name;
  }
  BOOST_TEST(worst <= 4e-4, "the gradient of " << worst_name << " is off by " << worst);
  std::ranges::sort(distances);
  BOOST_TEST(distances[distances.size() / 2] <= 6e-5);
  BOOST_TEST(report.gradient_norm == c.what["gradient_clipping"]["global_norm"].get<double>(),
             boost::test_tools::tolerance(1e-4));
}

BOOST_DATA_TEST_CASE(the_first_steps_go_as_the_apis, data::make(trained)) {
  test::two_stage_case c(sample);
  const auto curve = c.load("curve");
  const std::size_t columns = c.what["loss_names"].size();
  const double asks[] = {3e-6, 3e-6, 1e-5, 0, 1e-3};
  // The fixture measured no drift for the batch of two. Its third loss is 1.2e-3 below ours, though the gradient of
  // our second step agrees with the slopes of the loss: not understood yet.
  const std::size_t last = c.what.contains("drift") ? 5 : 2;
  for (std::size_t step = 0; step < last; ++step) {
    const auto report = c.detector->train_step(c.photos(static_cast<int>(step)));
    const double expected = curve[step * columns + columns - 1];
    if (asks[step] > 0)
      BOOST_TEST(std::abs(report.total_loss - expected) <= asks[step] * expected, "step " << step + 1);
    if (step > 0) continue;
    const auto state = c.detector->state();
    double worst = 0;
    std::string worst_name;
    int compared = 0;
    for (const auto& variable : test::load_samples(c.folder / "variables_step_1")) {
      const auto found = std::ranges::find(state, variable.name, &odt::state_tensor::name);
      if (found == state.end()) continue;  // global_step
      ++compared;
      const double ask = variable.name.ends_with("/Momentum") ? 4e-4 : 2e-5;
      if (const double d = test::l2_distance(found->values, variable) / ask; d > worst)
        worst = d, worst_name = variable.name;
    }
    BOOST_TEST(compared > 200);
    BOOST_TEST(worst <= 1, worst_name << " is off by " << worst << " of what is asked");
  }
}

BOOST_AUTO_TEST_SUITE_END()
