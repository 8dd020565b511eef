// SPDX-License-Identifier: MIT
#include <odt/train/best_metric.hpp>

#include <scratch.hpp>

using odt::measure;
using odt::test::check_error;

namespace {

odt::evaluation result() {
  odt::evaluation e;
  e.data = 7;
  e.metrics = {{"DetectionBoxes_Recall/AR@1", 0.1},
               {"DetectionBoxes_Precision/mAP", 0.5},
               {"DetectionBoxes_Precision/mAP@.50IOU", 0.75},
               {"DetectionMasks_Precision/mAP@.50IOU", 0.25}};
  e.losses = {{"Loss/localization_loss", 1}, {"Loss/total_loss", 3}};
  return e;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(best_metric_tests)

BOOST_AUTO_TEST_CASE(without_a_name_the_headline_counts) {
  const auto headline = measure(result(), "");
  BOOST_TEST_REQUIRE(headline.has_value());
  BOOST_TEST(headline->metric == "DetectionBoxes_Precision/mAP");
  BOOST_TEST((headline->value == 0.5 && headline->data == 7 && !headline->lower_is_better));
  BOOST_TEST(!measure({}, "").has_value());
}

BOOST_AUTO_TEST_CASE(a_tag_or_its_end_names_a_number) {
  BOOST_TEST(measure(result(), "DetectionMasks_Precision/mAP@.50IOU")->value == 0.25);
  BOOST_TEST(measure(result(), "AR@1")->metric == "DetectionBoxes_Recall/AR@1");
  const auto loss = measure(result(), "total_loss");
  BOOST_TEST((loss->metric == "Loss/total_loss" && loss->lower_is_better));
  BOOST_TEST((loss->better_than(4) && !loss->better_than(2)));
  check_error([] { measure(result(), "mAP@.50IOU"); }, {"--metric mAP@.50IOU", "several", "DetectionMasks_Precision"});
  check_error([] { measure(result(), "map"); }, {"--metric map: is no number", "DetectionBoxes_Precision/mAP,"});
}

BOOST_AUTO_TEST_CASE(a_name_is_refused_before_any_evaluation) {
  const odt::label_map labels = odt::label_map::from_names({"cat"});
  odt::eval_options options;
  BOOST_CHECK_NO_THROW(odt::check_metric("mAP@.50IOU", options, labels));
  BOOST_CHECK_NO_THROW(odt::check_metric("localization_loss", options, labels));
  check_error([&] { odt::check_metric("AP@0.5IOU/cat", options, labels); }, {"AP@0.5IOU/cat"});
  options.metrics_set = {"pascal_voc_detection_metrics"};
  BOOST_CHECK_NO_THROW(odt::check_metric("PascalBoxes_PerformanceByCategory/AP@0.5IOU/cat", options, labels));
  options.ignore_groundtruth = true;
  check_error([&] { odt::check_metric("mAP", options, labels); }, {"ignore_groundtruth"});
}

BOOST_AUTO_TEST_CASE(patience_counts_evaluations_in_a_row) {
  odt::patience patience(2), endless(0);
  for (const bool better : {true, false, true, false}) {
    patience.add(better);
    endless.add(better);
    BOOST_TEST(!patience.over());
  }
  patience.add(false);
  for (int i = 0; i < 9; ++i) endless.add(false);
  BOOST_TEST(patience.over());
  BOOST_TEST(!endless.over());
}

BOOST_AUTO_TEST_SUITE_END()
