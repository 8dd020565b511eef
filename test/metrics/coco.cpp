// SPDX-License-Identifier: MIT
#include <odt/metrics/coco.hpp>

#include <odt/core/display_width.hpp>

#include "fixture.hpp"

using namespace odt;
using namespace odt::test;

namespace {

labels one_box(boxf b, int label = 0) {
  labels l;
  l.boxes = {b};
  l.classes = {label};
  return l;
}

double value_of(const metric& m, std::string_view tag) {
  for (const auto& [name, value] : m.evaluate())
    if (name == tag) return value;
  throw std::runtime_error("no tag " + std::string(tag));
}

const std::vector<std::string> base_tags = {"DetectionBoxes_Precision/mAP",
                                            "DetectionBoxes_Precision/mAP@.50IOU",
                                            "DetectionBoxes_Precision/mAP@.75IOU",
                                            "DetectionBoxes_Precision/mAP (small)",
                                            "DetectionBoxes_Precision/mAP (medium)",
                                            "DetectionBoxes_Precision/mAP (large)",
                                            "DetectionBoxes_Recall/AR@1",
                                            "DetectionBoxes_Recall/AR@10",
                                            "DetectionBoxes_Recall/AR@100",
                                            "DetectionBoxes_Recall/AR@100 (small)",
                                            "DetectionBoxes_Recall/AR@100 (medium)",
                                            "DetectionBoxes_Recall/AR@100 (large)"};

}  // namespace

BOOST_AUTO_TEST_SUITE(coco_tests)

BOOST_AUTO_TEST_CASE(the_metrics_are_those_of_the_api, *needs(golden() / "units/metrics/coco")) {
  for (const golden_case& c : golden_cases("metrics/coco")) {
    metric_images images = read_images(c);
    if (c.params().contains("groundtruth_area"))
      for (labels& l : images.truth)
        for (const boxf& b : l.boxes) l.areas.push_back(0.6f * area(b));
    const bool all_per_category = c.params().value("all_metrics_per_category", false);
    if (all_per_category) images.settings.include_metrics_per_category = false;
    coco_detection_metrics m(images.settings);
    images.add_to(m);
    json expected = c.content["outputs"]["metrics"];
    if (all_per_category) {
      const auto curves = m.accumulate();
      for (std::size_t k = 0; k < curves.size(); ++k) {
        const auto summary = coco_detection_metrics::summarize(std::span(curves).subspan(k, 1));
        const std::string& name = images.settings.class_names[k];
        for (std::size_t i = 0; i < summary.size(); ++i) {
          const std::string tag = base_tags[i] + " ByCategory/" + name;
          check_value(c, tag, summary[i], expected.at(tag));
          expected.erase(tag);
        }
        const std::string tag = "DetectionBoxes_PerformanceByCategory/mAP/" + name;
        check_value(c, tag, summary[0], expected.at(tag));
        expected.erase(tag);
      }
    }
    check_values(c, m.evaluate(), expected);
  }
}

BOOST_AUTO_TEST_CASE(the_metrics_of_masks_are_those_of_the_api, *needs(golden() / "units/metrics/coco_masks")) {
  for (const golden_case& c : golden_cases("metrics/coco_masks")) {
    const metric_images images = read_images(c);
    coco_mask_metrics m(images.settings);
    images.add_to(m);
    check_values(c, m.evaluate(), c.content["outputs"]["metrics"]);
  }
}

BOOST_AUTO_TEST_CASE(the_curves_are_those_of_pycocotools, *needs(golden() / "units/metrics/pycocotools")) {
  static const std::vector<std::string> names = {"AP",  "AP50", "AP75",  "AP_small", "AP_medium", "AP_large",
                                                 "AR1", "AR10", "AR100", "AR_small", "AR_medium", "AR_large"};
  const auto cases = golden_cases("metrics/pycocotools");
  for (const golden_case& c : cases) {
    const bool agnostic = c.params().value("agnostic_mode", false);
    metric_images images = read_images(cases.front());
    if (agnostic) {
      for (detections& found : images.found) {
        std::ranges::stable_sort(found, {}, &detection::label);
        for (detection& d : found) d.label = 0;
      }
      for (labels& l : images.truth) {
        labels sorted;
        for (int k = 0; k < 20; ++k)
          for (std::size_t i = 0; i < l.size(); ++i)
            if (l.classes[i] == k) {
              sorted.boxes.push_back(l.boxes[i]);
              sorted.classes.push_back(0);
              sorted.crowd.push_back(l.crowd[i]);
            }
        l = sorted;
      }
      images.settings.class_names.resize(1);
    }
    coco_detection_metrics m(images.settings);
    images.add_to(m);
    const auto curves = m.accumulate();
    const auto summary = coco_detection_metrics::summarize(curves);
    for (std::size_t i = 0; i < names.size(); ++i)
      check_value(c, names[i], summary[i], c.content["outputs"]["stats"][names[i]]);
    if (agnostic) continue;
    std::vector<double> per_category, recall;
    for (std::size_t k = 0; k < curves.size(); ++k)
      per_category.push_back(coco_detection_metrics::summarize(std::span(curves).subspan(k, 1))[0]);
    check_close(per_category, c.out("average_precision_per_category"), c, "per category");
    for (std::size_t t = 0; t < coco_detection_metrics::thresholds; ++t)
      for (const auto& k : curves) recall.push_back(k.recall[2][t]);
    check_close(recall, c.out("recall"), c, "recall");
    check_close(std::span<const double>(curves[0].precision).first(coco_detection_metrics::recalls),
                c.out("precision_iou50_category1"), c.rtol(), c.atol(), c.name() + " precision curve");
  }
}

BOOST_AUTO_TEST_CASE(a_box_found_with_overlap_six_tenths_counts_at_three_of_ten_thresholds) {
  coco_detection_metrics m({{"cat"}, false});
  m.add_image("a", one_box({0, 0, 1, 1}), {{{0, 0, .6f, 1}, 0, .9f}}, {100, 100});
  BOOST_TEST(value_of(m, "DetectionBoxes_Precision/mAP@.50IOU") == 1, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value_of(m, "DetectionBoxes_Precision/mAP@.75IOU") == 0);
  BOOST_TEST(value_of(m, "DetectionBoxes_Recall/AR@1") == .3, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value_of(m, "DetectionBoxes_Precision/mAP (large)") == .3, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value_of(m, "DetectionBoxes_Precision/mAP (small)") == -1);
}

BOOST_AUTO_TEST_CASE(the_area_of_the_record_decides_about_the_size) {
  labels l = one_box({0, 0, 1, 1});
  l.areas = {500};
  coco_detection_metrics m({{"cat"}, false});
  m.add_image("a", l, {{{0, 0, 1, 1}, 0, .9f}}, {100, 100});
  BOOST_TEST(value_of(m, "DetectionBoxes_Precision/mAP (small)") == 1, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value_of(m, "DetectionBoxes_Precision/mAP (large)") == -1);
}

BOOST_AUTO_TEST_CASE(a_crowd_takes_any_number_of_detections_and_is_never_missed) {
  labels l = one_box({0, 0, .5f, .5f});
  l.boxes.push_back({.5f, .5f, 1, 1});
  l.classes.push_back(0);
  l.crowd = {0, 1};
  const detections found = {{{.5f, .5f, .9f, .9f}, 0, .95f}, {{.6f, .6f, 1, 1}, 0, .94f}, {{0, 0, .5f, .5f}, 0, .9f}};
  coco_detection_metrics m({{"cat"}, false});
  m.add_image("a", l, found, {100, 100});
  BOOST_TEST(value_of(m, "DetectionBoxes_Precision/mAP") == 1, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value_of(m, "DetectionBoxes_Recall/AR@100") == 1, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(only_the_first_hundred_detections_of_an_image_and_class_count) {
  detections found(100, {{.8f, .8f, 1, 1}, 0, .9f});
  found.push_back({{0, 0, .5f, .5f}, 0, .1f});
  coco_detection_metrics m({{"cat"}, false});
  m.add_image("a", one_box({0, 0, .5f, .5f}), found, {100, 100});
  BOOST_TEST(value_of(m, "DetectionBoxes_Recall/AR@100") == 0);
}

BOOST_AUTO_TEST_CASE(nothing_to_find_gives_minus_one_and_nothing_found_gives_zero) {
  coco_detection_metrics m({{"cat", "", "dog"}, true});
  m.add_image("a", one_box({0, 0, 1, 1}), {}, {100, 100});
  const auto values = m.evaluate();
  BOOST_TEST(values.size() == 14u);  // the gap in the label map is no category
  BOOST_TEST(values[0].second == 0);
  BOOST_TEST(values[12].first == "DetectionBoxes_PerformanceByCategory/mAP/cat");
  BOOST_TEST(values[12].second == 0);
  BOOST_TEST(values[13].first == "DetectionBoxes_PerformanceByCategory/mAP/dog");
  BOOST_TEST(values[13].second == -1);
}

BOOST_AUTO_TEST_CASE(the_report_is_the_usual_table_and_a_line_per_class) {
  coco_detection_metrics m({{"cat"}, false});
  m.add_image("a", one_box({0, 0, 1, 1}), {{{0, 0, 1, 1}, 0, .9f}}, {100, 100});
  const std::string text = m.report();
  BOOST_TEST(text.find(" Average Precision (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 1.000\n") == 0u);
  BOOST_TEST(text.find(" Average Recall    (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ] = 1.000\n") !=
             std::string::npos);
  BOOST_TEST(std::ranges::count(text, '\n') == 14);
  BOOST_TEST_MESSAGE(text);
}

BOOST_AUTO_TEST_CASE(class_names_in_any_script_align_in_the_report) {
  const std::string cafe = "cafe\u0301", raccoon = "浣熊", long_name(50, 'x'), longer = long_name + "浣熊浣熊浣熊浣熊";
  coco_detection_metrics m({{cafe, raccoon, longer}, false});
  m.add_image("a", one_box({0, 0, 1, 1}), {{{0, 0, 1, 1}, 0, .9f}}, {100, 100});
  const std::string text = m.report();
  const auto number_begins = [&](const std::string& name) {
    const std::size_t begin = text.find("\n " + name) + 1, end = text.find_first_of(".\n", begin);
    return display_width(text.substr(begin, end - begin));
  };
  BOOST_TEST(number_begins(cafe) == 1 + 60 + 3u);
  BOOST_TEST(number_begins(raccoon) == number_begins(cafe));
  BOOST_TEST(number_begins(long_name + "浣熊浣熊浣 ") == number_begins(cafe));  // cut at 60 columns
}

BOOST_AUTO_TEST_CASE(what_no_metric_can_take_is_an_error_that_names_the_image) {
  coco_detection_metrics m({{"cat"}, false});
  const auto names_it = [](const error& e) { return std::string(e.what()).find("cat_7.jpg") != std::string::npos; };
  BOOST_CHECK_EXCEPTION(m.add_image("cat_7.jpg", one_box({0, 0, 1, 1}, 1), {}, {10, 10}), error, names_it);
  BOOST_CHECK_EXCEPTION(m.add_image("cat_7.jpg", {}, {{{0, 0, 1, 1}, 3, .5f}}, {10, 10}), error, names_it);
  BOOST_CHECK_EXCEPTION(m.add_image("cat_7.jpg", {}, {{{0, 0, 1, 1}, -1, .5f}}, {10, 10}), error, names_it);
  BOOST_CHECK_EXCEPTION(m.add_image("cat_7.jpg", {}, {{{0, 0, 1, 1}, 0, std::nanf("")}}, {10, 10}), error, names_it);
  labels uneven = one_box({0, 0, 1, 1});
  uneven.crowd = {0, 0};
  BOOST_CHECK_EXCEPTION(m.add_image("cat_7.jpg", uneven, {}, {10, 10}), error, names_it);
}

BOOST_AUTO_TEST_CASE(ground_truth_of_a_class_that_the_label_map_lacks_is_left_out) {
  coco_detection_metrics m({{"cat"}, false});
  m.add_image("a", one_box({0, 0, 1, 1}, -1), {}, {100, 100});
  BOOST_TEST(value_of(m, "DetectionBoxes_Precision/mAP") == -1);
}

BOOST_AUTO_TEST_CASE(a_mask_counts_by_its_own_overlap_whatever_its_box) {
  labels truth = one_box({0, 0, 1, 1});
  truth.masks = {image(10, 10, 1)};
  std::ranges::fill(truth.masks[0].pixels, std::uint8_t{1});
  float_image mask(10, 10, 1);
  for (int x = 0; x < 60; ++x) mask.pixels[static_cast<std::size_t>(x)] = .9f;  // six of ten rows
  coco_mask_metrics m({{"cat"}, false});
  m.add_image("a", truth, {{{0, 0, 1, 1}, 0, .9f, -1, mask}}, {10, 10});
  BOOST_TEST(value_of(m, "DetectionMasks_Precision/mAP@.50IOU") == 1, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value_of(m, "DetectionMasks_Recall/AR@1") == .3, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(m.report().find("AR100  masks\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(masks_that_are_not_there_are_an_error_that_says_what_to_do) {
  coco_mask_metrics m({{"cat"}, false});
  const auto says = [](std::string_view what) {
    return [what](const error& e) { return std::string_view(e.what()).find(what) != std::string::npos; };
  };
  labels truth = one_box({0, 0, 1, 1});
  BOOST_CHECK_EXCEPTION(m.add_image("a", truth, {}, {9, 9}), error, says("image a: 0 masks for 1 boxes"));
  BOOST_CHECK_EXCEPTION(m.add_image("a", truth, {}, {9, 9}), error, says("load_instance_masks: true"));
  truth.masks = {image(9, 9, 1)};
  m.add_image("a", truth, {}, {9, 9});
  BOOST_CHECK_EXCEPTION(m.add_image("a", truth, {}, {9, 8}), error, says("a mask of 9x9"));
  BOOST_CHECK_EXCEPTION(m.add_image("a", truth, {{{0, 0, 1, 1}, 0, .9f}}, {9, 9}), error,
                        says("predict_instance_masks"));
}

BOOST_AUTO_TEST_SUITE_END()
