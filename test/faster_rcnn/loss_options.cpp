// SPDX-License-Identifier: MIT
#include <odt/config/pipeline.hpp>
#include <odt/faster_rcnn/loss_options.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

namespace {

odt::faster_rcnn_loss_options read(const std::string& fields) {
  const auto config = odt::pipeline::parse("model { faster_rcnn { " + fields + " } }", "pipeline.config");
  return odt::faster_rcnn_loss_options::from(config.root().at("model").at("faster_rcnn"));
}

/// Whether the message names the field, its value and what would be right.
auto says(std::string field, std::string value, std::string right) {
  return [=](const odt::error& e) {
    const std::string text = e.what();
    for (const std::string& part : {field, value, right})
      if (text.find(part) == std::string::npos) return false;
    return true;
  };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(loss_options_tests)

BOOST_AUTO_TEST_CASE(what_a_file_leaves_out_is_the_schema_s) {
  const auto o = read("");
  const odt::first_stage_options first;
  BOOST_TEST(o.first.sampler.size == first.sampler.size);
  BOOST_TEST(o.first.sampler.positive_fraction == first.sampler.positive_fraction);
  BOOST_TEST(o.first.nms_score_threshold == first.nms_score_threshold);
  BOOST_TEST(o.first.nms_iou_threshold == first.nms_iou_threshold);
  BOOST_TEST(o.first.max_proposals == first.max_proposals);
  BOOST_TEST(o.first.localization_loss_weight == first.localization_loss_weight);
  BOOST_TEST(o.first.objectness_loss_weight == first.objectness_loss_weight);
  BOOST_TEST(!o.first.clip_anchors_to_image);
  const odt::second_stage_options second;
  BOOST_TEST(o.second.sampler.size == second.sampler.size);
  BOOST_TEST(o.second.sampler.positive_fraction == second.sampler.positive_fraction);
  BOOST_TEST(o.second.mask_prediction_loss_weight == second.mask_prediction_loss_weight);
  BOOST_TEST(!o.second.miner);
  BOOST_TEST(!o.second.sampler.lowest_indices);
}

BOOST_AUTO_TEST_CASE(all_fields_are_read) {
  const auto o = read(
      "first_stage_minibatch_size: 128 first_stage_positive_balance_fraction: 0.25 first_stage_nms_score_threshold: "
      "0.1 "
      "first_stage_nms_iou_threshold: 0.6 first_stage_max_proposals: 100 first_stage_localization_loss_weight: 2 "
      "first_stage_objectness_loss_weight: 3 clip_anchors_to_image: true second_stage_batch_size: 32 "
      "second_stage_balance_fraction: 0.5 second_stage_localization_loss_weight: 4 "
      "second_stage_classification_loss_weight: 5 second_stage_mask_prediction_loss_weight: 6");
  BOOST_TEST(o.first.sampler.size == 128);
  BOOST_TEST(o.first.sampler.positive_fraction == 0.25f);
  BOOST_TEST(o.first.nms_score_threshold == 0.1f);
  BOOST_TEST(o.first.nms_iou_threshold == 0.6f);
  BOOST_TEST(o.first.max_proposals == 100);
  BOOST_TEST(o.first.localization_loss_weight == 2);
  BOOST_TEST(o.first.objectness_loss_weight == 3);
  BOOST_TEST(o.first.clip_anchors_to_image);
  BOOST_TEST(o.second.sampler.size == 32);
  BOOST_TEST(o.second.sampler.positive_fraction == 0.5f);
  BOOST_TEST(o.second.localization_loss_weight == 4);
  BOOST_TEST(o.second.classification_loss_weight == 5);
  BOOST_TEST(o.second.mask_prediction_loss_weight == 6);
}

BOOST_AUTO_TEST_CASE(the_second_stage_works_on_a_sample_unless_it_mines_or_infers) {
  const auto sampled = read("second_stage_batch_size: 32 first_stage_max_proposals: 100");
  BOOST_TEST(sampled.second_stage_proposals(true) == 32);
  BOOST_TEST(sampled.second_stage_proposals(false) == 100);
  const auto mined = read("first_stage_max_proposals: 50 hard_example_miner { num_hard_examples: 7 }");
  BOOST_TEST(mined.second.miner->num_hard_examples == 7);
  BOOST_TEST(mined.second_stage_proposals(true) == 50);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused) {
  BOOST_CHECK_EXCEPTION(read("second_stage_batch_size: 301"), odt::error,
                        says("second_stage_batch_size", "301", "first_stage_max_proposals 300"));
  BOOST_CHECK_EXCEPTION(read("first_stage_minibatch_size: 0"), odt::error,
                        says("first_stage_minibatch_size", "is 0", "1 or more"));
  BOOST_CHECK_EXCEPTION(read("first_stage_max_proposals: -1"), odt::error,
                        says("first_stage_max_proposals", "is -1", "1 or more"));
  BOOST_CHECK_EXCEPTION(read("second_stage_balance_fraction: 1.5"), odt::error,
                        says("second_stage_balance_fraction", "1.5", "between 0 and 1"));
  BOOST_CHECK_EXCEPTION(read("first_stage_nms_iou_threshold: -0.5"), odt::error,
                        says("first_stage_nms_iou_threshold", "-0.5", "between 0 and 1"));
  BOOST_CHECK_EXCEPTION(read("hard_example_miner { max_negatives_per_positive: 3 }"), odt::error,
                        says("max_negatives_per_positive", "is 3", "leave it out"));
}

BOOST_AUTO_TEST_SUITE_END()
