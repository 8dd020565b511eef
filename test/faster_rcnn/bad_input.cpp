// SPDX-License-Identifier: MIT
// Nothing to learn from, nothing proposed, and settings that contradict each other.
#include "any_faster_rcnn.hpp"

#include <odt/config/pipeline.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <span>
#include <string>

namespace {

using odt::test::any_faster_rcnn;

/// Small images, few proposals.
any_faster_rcnn::options small() {
  any_faster_rcnn::options o;
  o.num_classes = 3;
  o.feature_extractor = odt::faster_rcnn_inception_v2{};
  o.resizer = odt::image_resizer::fixed_shape({96, 96});
  o.anchor_generator = odt::grid_anchor_generator{{.scales = {0.125f, 0.25f}}};
  o.regions.depth = 16;
  o.regions.initial_crop_size = 4;
  o.loss.first.max_proposals = o.loss.second.sampler.size = 4;
  return o;
}

odt::batch gray(int boxes) {
  auto b = odt::batch::zeros(1, 96, 96, 2);
  b.counts = {boxes};
  for (int i = 0; i < boxes; ++i) b.boxes[static_cast<std::size_t>(i)] = {0.25f, 0.25f, 0.75f, 0.75f};
  return b;
}

float loss(const odt::step_report& report, std::string_view tag) {
  for (const auto& [name, value] : report.losses)
    if (name == tag) return value;
  BOOST_TEST(false, tag << " is not reported");
  return 0;
}

/// What a faster_rcnn message of these fields is refused for.
std::string refusal(const std::string& fields) {
  const auto config =
      odt::pipeline::parse("model { faster_rcnn { " + fields +
                               " first_stage_box_predictor_conv_hyperparams { initializer { "
                               "truncated_normal_initializer { } } regularizer { l2_regularizer { } } } } }",
                           "pipeline.config");
  try {
    any_faster_rcnn::options::from(config.root());
  } catch (const odt::error& e) {
    return e.what();
  }
  return "no error";
}

bool contains(std::string_view text, std::string_view part) {
  const bool found = text.find(part) != std::string_view::npos;
  if (!found) BOOST_TEST_MESSAGE("\"" << part << "\" is not in:\n" << text);
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bad_input_tests)

BOOST_AUTO_TEST_CASE(an_image_without_boxes_is_background) {
  any_faster_rcnn model(small(), {.threads = 2});
  const odt::batch b = gray(0);
  const auto first = model.train_step(b);
  BOOST_TEST(first.finite);
  BOOST_TEST(loss(first, "Loss/RPNLoss/localization_loss") == 0);
  BOOST_TEST(loss(first, "Loss/BoxClassifierLoss/localization_loss") == 0);
  BOOST_TEST(loss(first, "Loss/RPNLoss/objectness_loss") > 0);
  BOOST_TEST(loss(first, "Loss/BoxClassifierLoss/classification_loss") > 0);
  for (int i = 0; i < 3; ++i) model.train_step(b);
  BOOST_TEST(model.train_step(b).total_loss < first.total_loss);
}

BOOST_AUTO_TEST_CASE(nothing_proposed_is_nothing_found_and_no_loss_of_the_second_stage) {
  auto o = small();
  o.loss.first.nms_score_threshold = 1;
  any_faster_rcnn model(o, {.threads = 2});
  const odt::batch b = gray(1);
  const auto report = model.train_step(b);
  BOOST_TEST(report.finite);
  BOOST_TEST(std::isfinite(report.gradient_norm));
  BOOST_TEST(loss(report, "Loss/BoxClassifierLoss/localization_loss") == 0);
  BOOST_TEST(loss(report, "Loss/BoxClassifierLoss/classification_loss") == 0);
  BOOST_TEST(model.detect(b).at(0).empty());
}

BOOST_AUTO_TEST_CASE(steps_that_no_anchor_takes_part_in_are_refused_before_the_first) {
  auto o = small();
  o.anchor_generator = odt::grid_anchor_generator{{.scales = {1}}};
  const any_faster_rcnn model(o, {.threads = 2});
  const odt::step_shape step{1, {96, 96}, 2, true};
  BOOST_CHECK_EXCEPTION(model.foresee(std::span(&step, 1)), odt::error, [](const odt::error& e) {
    return contains(e.what(), "none of the ") && contains(e.what(), "anchors lies within an image of 96x96");
  });
}

BOOST_AUTO_TEST_CASE(a_batch_without_masks_is_named_where_three_stages_want_them) {
  auto o = small();
  o.number_of_stages = 3;
  odt::mask_rcnn_box_predictor predictor;
  predictor.opts.predict_instance_masks = true;
  o.box_predictor = predictor;
  any_faster_rcnn model(o, {.threads = 2});
  odt::batch b = gray(1);
  b.ids = {"pug.jpg"};
  BOOST_CHECK_EXCEPTION(model.train_step(b), odt::error, [](const odt::error& e) {
    return contains(e.what(), "pug.jpg has no masks") && contains(e.what(), "load_instance_masks: true");
  });
}

BOOST_AUTO_TEST_CASE(settings_that_contradict_each_other_are_refused_with_what_would_be_right) {
  const std::string extractor = "num_classes: 2 feature_extractor { type: 'faster_rcnn_resnet50' } ";
  const std::string crops = "initial_crop_size: 14 maxpool_kernel_size: 2 maxpool_stride: 2 ";
  BOOST_TEST(contains(refusal(extractor),
                      "model.faster_rcnn.initial_crop_size: is 0; it has to be 1 or more (the sample "
                      "configs have 14)"));
  BOOST_TEST(contains(refusal(extractor + crops + "number_of_stages: 3"),
                      "model.faster_rcnn.number_of_stages: is 3, but second_stage_box_predictor predicts no masks; set "
                      "predict_instance_masks: true, or 2 stages"));
  BOOST_TEST(
      contains(refusal(extractor + crops + "number_of_stages: 4"), "it has to be 1 (proposals), 2 (boxes) or 3"));
  BOOST_TEST(contains(refusal(extractor + "initial_crop_size: 7 maxpool_kernel_size: 8 maxpool_stride: 1"),
                      "model.faster_rcnn.maxpool_kernel_size: is 8, above initial_crop_size 7; it has to be equal or "
                      "smaller"));
  BOOST_TEST(contains(refusal("feature_extractor { type: 'faster_rcnn_resnet51' } " + crops + "num_classes: 2"),
                      "model.faster_rcnn.feature_extractor.type: \"faster_rcnn_resnet51\" is not available; this "
                      "program has faster_rcnn_resnet50"));
}

BOOST_AUTO_TEST_SUITE_END()
