// SPDX-License-Identifier: MIT
#include <odt/metrics/pascal_voc.hpp>

#include "fixture.hpp"

using namespace odt;
using namespace odt::test;

BOOST_AUTO_TEST_SUITE(pascal_voc_tests)

BOOST_AUTO_TEST_CASE(the_metrics_are_those_of_the_api, *needs(golden() / "units/metrics/pascal_voc")) {
  int tested = 0;
  for (const golden_case& c : golden_cases("metrics/pascal_voc")) {
    // Other metric sets share the folder: one with a suppression of its own, and one over a range of recalls.
    if (c.params().contains("nms_iou_threshold") || c.params().contains("recall_lower_bound")) continue;
    ++tested;
    const metric_images images = read_images(c);
    const bool weighted = c.params().value("metrics_set", "").starts_with("weighted");
    pascal_voc_metrics m(images.settings, weighted, c.params().value("matching_iou_threshold", .5f));
    images.add_to(m);
    json expected = c.content["outputs"]["metrics"];
    if (c.params().contains("evaluate_corlocs")) {
      json renamed;
      for (const auto& [tag, value] : expected.items())
        if (tag.find("CorLoc") == std::string::npos) renamed["PascalBoxes" + tag.substr(tag.find('_'))] = value;
      expected = renamed;
    }
    check_values(c, m.evaluate(), expected);
  }
  BOOST_TEST(tested == 6);
}

BOOST_AUTO_TEST_CASE(the_metrics_of_masks_are_those_of_the_api, *needs(golden() / "units/metrics/pascal_voc_masks")) {
  int tested = 0;
  for (const golden_case& c : golden_cases("metrics/pascal_voc_masks")) {
    const metric_images images = read_images(c);
    const std::string metrics_set = c.params()["metrics_set"];
    const auto run = [&](auto m) {
      if (m.name != metrics_set) return;
      ++tested;
      images.add_to(m);
      check_values(c, m.evaluate(), c.content["outputs"]["metrics"]);
    };
    run(pascal_voc_instance_segmentation_metrics(images.settings));
    run(weighted_pascal_voc_instance_segmentation_metrics(images.settings));
  }
  BOOST_TEST(tested == 2);
}

BOOST_AUTO_TEST_CASE(average_precision_is_that_of_the_api, *needs(golden() / "units/metrics/average_precision")) {
  for (const golden_case& c : golden_cases("metrics/average_precision")) {
    const array scores = c.in("scores"), right = c.in("labels");
    std::vector<scored_match> matches;
    for (std::size_t i = 0; i < scores.size(); ++i) matches.push_back({static_cast<float>(scores[i]), right[i] != 0});
    const auto curve = precision_and_recall(matches, c.params()["num_gt"]);
    check_close(curve.precision, c.out("precision"), c, "precision");
    check_close(curve.recall, c.out("recall"), c, "recall");
    check_value(c, "average precision", average_precision(curve), c.content["outputs"]["average_precision"]);
  }
}

BOOST_AUTO_TEST_CASE(an_image_is_matched_as_the_api_does, *needs(golden() / "units/metrics/per_image")) {
  for (const golden_case& c : golden_cases("metrics/per_image")) {
    const array boxes = c.in("groundtruth_boxes"), classes = c.in("groundtruth_classes"), difficult = c.in("difficult"),
                group_of = c.in("group_of");
    const array found = c.in("detection_boxes"), labels = c.in("detection_classes"), scores = c.in("detection_scores");
    for (int k = 0; k < c.params()["num_classes"]; ++k) {
      std::vector<boxf> truth;
      std::vector<std::uint8_t> hard, groups;
      detections of_class;
      for (std::size_t i = 0; i < classes.size(); ++i)
        if (classes[i] == k) {
          truth.push_back(box_at(boxes, i));
          hard.push_back(difficult[i] != 0);
          groups.push_back(group_of[i] != 0);
        }
      for (std::size_t i = 0; i < labels.size(); ++i)
        if (labels[i] == k) of_class.push_back({box_at(found, i), k, static_cast<float>(scores[i])});
      const auto threshold = c.params()["matching_iou_threshold"].get<float>();
      std::vector<double> score, right;
      for (const scored_match& m : match_by_largest_overlap(of_class, truth, hard, groups, threshold)) {
        score.push_back(m.score);
        right.push_back(m.right);
      }
      const std::string name = "class" + std::to_string(k);
      check_close(score, c.to_array(c.content["outputs"]["scores"][name]), c, name + " scores");
      check_close(right, c.to_array(c.content["outputs"]["tp_fp"][name]), c, name + " true positives");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_second_detection_of_one_object_is_wrong_and_a_difficult_object_neither_counts_nor_harms) {
  const std::vector<boxf> truth = {{0, 0, 10, 10}, {20, 20, 30, 30}};
  const detections found = {{{0, 0, 10, 9}, 0, .5f}, {{0, 0, 10, 10}, 0, .9f}, {{20, 20, 30, 30}, 0, .8f}};
  const std::vector<std::uint8_t> difficult = {0, 1};
  const auto matches = match_by_largest_overlap(found, truth, difficult, {}, .5f);
  BOOST_REQUIRE(matches.size() == 2u);
  BOOST_TEST(matches[0].right);
  BOOST_TEST(!matches[1].right);
}

BOOST_AUTO_TEST_CASE(the_weighted_mean_ranks_the_detections_of_all_classes_together) {
  labels truth;
  truth.boxes = {{0, 0, .5f, .5f}, {.5f, .5f, 1, 1}, {0, .5f, .5f, 1}};
  truth.classes = {0, 0, 1};
  const detections found = {{{0, 0, .5f, .5f}, 0, .9f}, {{0, 0, .1f, .1f}, 1, .95f}};
  pascal_voc_metrics plain({{"cat", "dog"}, false}, false), weighted({{"cat", "dog"}, false}, true);
  plain.add_image("a", truth, found, {100, 100});
  weighted.add_image("a", truth, found, {100, 100});
  BOOST_TEST(plain.evaluate()[0].second == .25, boost::test_tools::tolerance(1e-12));        // (1/2 + 0) / 2
  BOOST_TEST(weighted.evaluate()[0].second == .5 / 3, boost::test_tools::tolerance(1e-12));  // wrong, right, of 3
  BOOST_TEST(weighted.evaluate()[0].first == "WeightedPascalBoxes_Precision/mAP@0.5IOU");
}

BOOST_AUTO_TEST_CASE(the_report_says_where_there_is_nothing_to_find) {
  labels truth;
  truth.boxes = {{0, 0, 1, 1}};
  truth.classes = {0};
  pascal_voc_metrics m({{"cat", "dog"}, false}, false);
  m.add_image("a", truth, {{{0, 0, 1, 1}, 0, .9f}}, {100, 100});
  BOOST_TEST(m.report() ==
             " PASCAL VOC mAP@0.5IOU = 1.000\n  AP cat = 1.000 (1 boxes)\n  AP dog = no ground truth (0 boxes)\n");
}

BOOST_AUTO_TEST_CASE(masks_that_are_not_there_are_an_error_that_names_the_metric_set) {
  labels truth;
  truth.boxes = {{0, 0, 1, 1}};
  truth.classes = {0};
  weighted_pascal_voc_instance_segmentation_metrics m({{"cat"}, false});
  BOOST_CHECK_EXCEPTION(m.add_image("a", truth, {}, {9, 9}), error, [](const error& e) {
    return std::string_view(e.what()).find("take weighted_pascal_voc_instance_segmentation_metrics out") !=
           std::string_view::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()
