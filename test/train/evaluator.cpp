// SPDX-License-Identifier: MIT
#include <odt/train/evaluator.hpp>

#include <odt/config/pipeline.hpp>
#include <odt/core/run_lengths.hpp>
#include <odt/train/data.hpp>

#include "golden.hpp"
#include "toy_detector.hpp"

#include <algorithm>

using namespace odt;
using namespace odt::test;

namespace {

/// Finds every image's first box with all of its pixels.
class masked_detector : public toy_detector {
 public:
  std::vector<detections> detect(const batch& b) override {
    auto all = toy_detector::detect(b);
    for (detections& found : all)
      for (detection& d : found) {
        d.mask = float_image(5, 5, 1);
        std::ranges::fill(d.mask.pixels, 1.f);
      }
    return all;
  }
};

/// A black image of 90 x 130 pixels with an object in its upper left quarter.
batch one_image() {
  batch b = batch::zeros(1, 90, 130, 1);
  labels truth;
  truth.boxes = {{0, 0, .5f, .5f}};
  truth.classes = {0};
  truth.masks = {image(90, 130, 1)};
  for (int y = 0; y < 45; ++y) std::fill_n(truth.masks[0].at(y, 0), 65, std::uint8_t{1});
  b.groundtruth = {truth};
  b.originals = {image(90, 130)};
  b.ids = {"12"};
  return b;
}

evaluation evaluate_one_image(detector& model, const batch& b, std::vector<std::string> metrics_set) {
  eval_options options;
  options.metrics_set = std::move(metrics_set);
  bool done = false;
  return evaluate(model,
                  [&](batch& next) {
                    if (std::exchange(done, true)) return false;
                    next = b;
                    return true;
                  },
                  {options, label_map::from_names({"cat"}), true, {}});
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(evaluator_tests)

BOOST_AUTO_TEST_CASE(masks_are_measured_drawn_and_written) {
  masked_detector model;
  const batch b = one_image();
  const evaluation result = evaluate_one_image(
      model, b, {"coco_detection_metrics", "coco_mask_metrics", "pascal_voc_instance_segmentation_metrics"});
  const auto value = [&](std::string_view tag) {
    const auto it = std::ranges::find(result.metrics, tag, &std::pair<std::string, double>::first);
    BOOST_REQUIRE(it != result.metrics.end());
    return it->second;
  };
  BOOST_TEST(value("DetectionBoxes_Precision/mAP") == 1, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value("DetectionMasks_Precision/mAP") == 1, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value("PascalMasks_Precision/mAP@0.5IOU") == 1);

  const std::uint8_t* tinted = result.pictures.at(0).found.at(30, 40);
  BOOST_TEST((tinted[0] == 51 && tinted[1] == 102 && tinted[2] == 0));  // 0.4 of chartreuse over black

  const json written = json::parse(coco_results(result.results, label_map::from_names({"cat"})));
  BOOST_TEST(written.at(0).at("image_id") == 12);
  const json& segmentation = written.at(0).at("segmentation");
  BOOST_TEST(segmentation.at("size") == json::array({90, 130}));
  const run_lengths mask = read_runs(segmentation.at("counts").get<std::string>(), {90, 130});
  BOOST_TEST((mask == to_runs(b.groundtruth[0].masks[0])));
  BOOST_TEST(result.results[0].found[0].mask.pixels.empty());
}

BOOST_AUTO_TEST_CASE(without_masks_no_segmentation_is_written) {
  toy_detector model;
  const evaluation result = evaluate_one_image(model, one_image(), {});
  const json written = json::parse(coco_results(result.results, label_map::from_names({"cat"})));
  BOOST_TEST(written.size() == 1u);
  BOOST_TEST(!written[0].contains("segmentation"));
}

BOOST_AUTO_TEST_CASE(a_metric_of_masks_needs_masks_on_both_sides) {
  masked_detector masked;
  toy_detector plain;
  batch b = one_image();
  BOOST_TEST(error_of([&] { evaluate_one_image(plain, b, {"coco_mask_metrics"}); }).find("image 12: a detection") ==
             0u);
  b.groundtruth[0].masks.clear();
  BOOST_TEST(error_of([&] { evaluate_one_image(masked, b, {"coco_mask_metrics"}); }).find("image 12: 0 masks") == 0u);
}

BOOST_AUTO_TEST_CASE(a_config_with_a_metric_of_masks_but_without_masks_is_refused) {
  const toy_detector model;
  const auto check = [&](const std::string& stages, const std::string& reader) {
    const pipeline config =
        pipeline::parse(str("model { faster_rcnn { ", stages, " } }\n",
                            "eval_config { metrics_set: 'coco_mask_metrics' }\neval_input_reader { ", reader, " }"),
                        "a.config");
    return error_of([&] { evaluation_inputs(config.root(), model, {}, {}); });
  };
  const std::string both = "a.config:2:15: eval_config.metrics_set[0]: coco_mask_metrics compares masks, but ";
  BOOST_TEST(check("", "load_instance_masks: true").find(both + "the model predicts none") == 0u);
  BOOST_TEST(check("number_of_stages: 2", "load_instance_masks: true").find(both + "the model") == 0u);
  BOOST_TEST(check("number_of_stages: 3", "").find(both + "eval_input_reader[0] loads none") == 0u);
  BOOST_TEST(check("number_of_stages: 3", "load_instance_masks: true").find("compares masks") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
