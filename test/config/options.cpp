// SPDX-License-Identifier: MIT
#include <odt/config/options.hpp>
#include <odt/config/pipeline.hpp>

#include "golden.hpp"

#include <functional>

namespace {

using odt::config_use;
using odt::pipeline;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const odt::error& e) {
    return e.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr auto whole = R"(model {
  ssd {
    num_classes: 3
    image_resizer { fixed_shape_resizer { } }
    feature_extractor {
      type: 'ssd_mobilenet_v1'
      conv_hyperparams {
        regularizer { l2_regularizer { weight: 0.00004 } }
        initializer { truncated_normal_initializer { stddev: 0.03 } }
      }
    }
    box_coder { faster_rcnn_box_coder { } }
    matcher { argmax_matcher { } }
    similarity_calculator { iou_similarity { } }
    box_predictor { convolutional_box_predictor { } }
    anchor_generator { ssd_anchor_generator { } }
    loss { classification_loss { weighted_sigmoid { } } localization_loss { weighted_smooth_l1 { } } }
  }
}
train_config {
  batch_size: 8
  optimizer { rms_prop_optimizer { learning_rate { constant_learning_rate { } } } }
}
train_input_reader { label_map_path: 'map.pbtxt' tf_record_input_reader { input_path: 'train.record' } }
eval_input_reader { label_map_path: 'map.pbtxt' tf_record_input_reader { input_path: 'test.record' } }
)";

/// `whole` without the first line that contains `part`.
std::string without(const std::string& part) {
  std::string text = whole;
  const std::size_t at = text.find(part);
  BOOST_REQUIRE(at != text.npos);
  const std::size_t begin = text.rfind('\n', at) + 1;
  return text.erase(begin, text.find('\n', at) + 1 - begin);
}

std::string incomplete(const std::string& text, config_use use = config_use::train) {
  const auto config = pipeline::parse(text, "a.config");
  return error_of([&] { odt::check_complete(config.root(), use); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(options_tests)

BOOST_AUTO_TEST_CASE(a_whole_config_is_complete) {
  for (const auto use : {config_use::train, config_use::evaluate, config_use::detect})
    BOOST_TEST(incomplete(whole, use) == "no error");
}

BOOST_AUTO_TEST_CASE(a_missing_required_field_is_named_by_its_path) {
  BOOST_TEST(incomplete("") ==
             "a.config: model: is required; one of faster_rcnn, ssd, experimental_model, center_net belongs in it");
  BOOST_TEST(incomplete(without("num_classes")) == "a.config:2:3: model.ssd.num_classes: is required");
  BOOST_TEST(incomplete(without("type:")) == "a.config:5:5: model.ssd.feature_extractor.type: is required");
  BOOST_TEST(incomplete(without("regularizer")) ==
             "a.config:7:7: model.ssd.feature_extractor.conv_hyperparams.regularizer: is required; one of "
             "l1_regularizer, l2_regularizer belongs in it");
  for (const std::string part : {"image_resizer", "initializer {", "box_coder", "matcher", "similarity_calculator",
                                 "box_predictor", "anchor_generator", "loss"})
    BOOST_TEST(contains(incomplete(without(part)), "is required"), part);
  BOOST_TEST(contains(incomplete(without("optimizer {")), "train_config.optimizer: is required"));
  BOOST_TEST(contains(incomplete(without("train_input_reader")), "train_input_reader.label_map_path: is required"));
  BOOST_TEST(
      contains(incomplete(without("eval_input_reader"), config_use::evaluate), "eval_input_reader: is required"));
  BOOST_TEST(incomplete(without("eval_input_reader")) == "no error");
  BOOST_TEST(incomplete(without("train_input_reader"), config_use::detect) == "no error");
  BOOST_TEST(contains(incomplete(std::string(whole) + "eval_input_reader { label_map_path: 'm' }"),
                      "eval_input_reader[1].tf_record_input_reader.input_path: is required"));
}

BOOST_AUTO_TEST_CASE(a_config_with_a_number_out_of_its_range_is_refused_for_every_use) {
  for (const auto use : {config_use::train, config_use::evaluate, config_use::detect})
    BOOST_TEST(incomplete(std::string(whole) + "eval_config { batch_size: 0 }", use) ==
               "a.config:26:15: eval_config.batch_size: 0 is too small; at least 1 belongs here");
}

BOOST_AUTO_TEST_CASE(every_public_sample_config_is_complete, *odt::test::needs(odt::test::data() / "configs")) {
  for (const auto& entry : odt::test::fs::directory_iterator(odt::test::data() / "configs")) {
    const auto config = pipeline::load(entry.path().string());
    for (const auto use : {config_use::train, config_use::evaluate})
      BOOST_TEST(error_of([&] { odt::check_complete(config.root(), use); }) == "no error", entry.path());
  }
}

BOOST_AUTO_TEST_CASE(train_options_are_read) {
  auto config = pipeline::parse(whole);
  config.merge(
      "train_config { num_steps: 500 fine_tune_checkpoint: 'model.ckpt' from_detection_checkpoint: true "
      "use_bfloat16: true gradient_clipping_by_norm: 10 freeze_variables: 'a' freeze_variables: 'b' "
      "optimizer { use_moving_average: false } }");
  const auto train = odt::read_train_options(config.root());
  BOOST_TEST(train.batch_size == 8);
  BOOST_TEST(train.num_steps == 500);
  BOOST_TEST(train.fine_tune_checkpoint == "model.ckpt");
  BOOST_TEST((train.fine_tune == odt::fine_tune_kind::detection));
  BOOST_TEST(train.use_bfloat16);
  BOOST_TEST(train.gradient_clipping_by_norm == 10.0f);
  BOOST_TEST(train.freeze_variables == (std::vector<std::string>{"a", "b"}), boost::test_tools::per_element());
  BOOST_TEST(!train.use_moving_average);
  BOOST_TEST(train.moving_average_decay == 0.9999f);
  BOOST_TEST(train.optimizer->chosen()->name == "rms_prop_optimizer");
}

BOOST_AUTO_TEST_CASE(what_the_detector_has_to_honour_stays_unread) {
  auto config = pipeline::parse("train_config { batch_size: 3 bias_grad_multiplier: 2 }");
  odt::read_train_options(config.root());
  const std::string refused = error_of([&] { odt::refuse_unread(config.root()); });
  BOOST_TEST(refused ==
             "pipeline.config:1:30: train_config.bias_grad_multiplier: this field is not supported here; remove it");
}

BOOST_AUTO_TEST_CASE(a_fine_tune_type_decides_before_the_old_flag) {
  const auto kind = [](const std::string& fields) {
    const auto config = pipeline::parse("train_config { " + fields + " }");
    return odt::read_train_options(config.root()).fine_tune;
  };
  BOOST_TEST((kind("") == odt::fine_tune_kind::classification));
  BOOST_TEST((kind("from_detection_checkpoint: true") == odt::fine_tune_kind::detection));
  BOOST_TEST((kind("from_detection_checkpoint: true fine_tune_checkpoint_type: 'classification'") ==
              odt::fine_tune_kind::classification));
  BOOST_TEST((kind("fine_tune_checkpoint_type: 'detection'") == odt::fine_tune_kind::detection));
  BOOST_TEST(
      error_of([&] { kind("fine_tune_checkpoint_type: 'full'"); }) ==
      "pipeline.config:1:16: train_config.fine_tune_checkpoint_type: \"full\" is not available; this program has "
      "detection, classification");
}

BOOST_AUTO_TEST_CASE(values_that_cannot_be_meant_are_refused) {
  const auto message = [](const std::string& fields) {
    const auto config = pipeline::parse("train_config { " + fields + " }");
    return error_of([&] { odt::read_train_options(config.root()); });
  };
  BOOST_TEST(contains(message("merge_multiple_label_boxes: true"), "is not supported"));
  BOOST_TEST(contains(message("fine_tune_checkpoint: 'PATH_TO_BE_CONFIGURED/model.ckpt'"), "placeholder"));
  BOOST_TEST(
      contains(message("fine_tune_checkpoint: 'gs://bucket/model.ckpt'"),
               "pipeline.config:1:16: train_config.fine_tune_checkpoint: gs://bucket/model.ckpt: this program was "
               "built without object stores; link odt::cloud"));
  BOOST_TEST(contains(message("fine_tune_checkpoint: 'hdfs://bucket/model.ckpt'"), "scheme \"hdfs\" are not known"));
  const auto config = pipeline::parse(
      "train_input_reader { tf_record_input_reader { input_path: "
      "['a', 'PATH_TO_BE_CONFIGURED/b'] } }");
  BOOST_TEST(contains(error_of([&] { odt::read_input_options(config.root().at("train_input_reader")); }),
                      "train_input_reader.tf_record_input_reader.input_path[1]"));
}

BOOST_AUTO_TEST_CASE(eval_and_input_options_are_read) {
  auto config = pipeline::parse(whole);
  config.merge(
      "eval_config { num_examples: 72 metrics_set: 'coco_detection_metrics' min_score_threshold: 0.25 } "
      "train_input_reader { shuffle: false sample_1_of_n_examples: 3 }");
  const auto eval = odt::read_eval_options(config.root());
  BOOST_TEST(eval.batch_size == 1);
  BOOST_TEST(eval.num_examples == 72);
  BOOST_TEST(eval.metrics_set == std::vector<std::string>{"coco_detection_metrics"}, boost::test_tools::per_element());
  BOOST_TEST(eval.min_score_threshold == 0.25f);
  const auto input = odt::read_input_options(config.root().at("train_input_reader"));
  BOOST_TEST(input.input_path == std::vector<std::string>{"train.record"}, boost::test_tools::per_element());
  BOOST_TEST(input.label_map_path == "map.pbtxt");
  BOOST_TEST(!input.shuffle);
  BOOST_TEST(input.sample_1_of_n_examples == 3);
}

BOOST_AUTO_TEST_CASE(masks_are_loaded_as_the_reader_says) {
  const auto masks = [](const std::string& fields) {
    const auto config = pipeline::parse("train_input_reader { " + fields + " }");
    const auto read = odt::read_input_options(config.root().at("train_input_reader")).masks;
    odt::accept_without_effect(config.root());
    BOOST_TEST(!contains(error_of([&] { odt::refuse_unread(config.root()); }), "mask"));
    return read;
  };
  BOOST_TEST(!masks(""));
  BOOST_TEST(!masks("mask_type: PNG_MASKS"));
  BOOST_TEST((masks("load_instance_masks: true") == odt::mask_type::numerical));
  BOOST_TEST((masks("load_instance_masks: true mask_type: DEFAULT") == odt::mask_type::numerical));
  BOOST_TEST((masks("load_instance_masks: true mask_type: PNG_MASKS") == odt::mask_type::png));
}

BOOST_AUTO_TEST_CASE(fields_without_effect_are_listed_and_not_refused) {
  const auto config = pipeline::parse(
      "train_config { batch_queue_capacity: 10 sync_replicas: true startup_delay_steps: 15 "
      "} eval_input_reader { num_readers: 1 shuffle: false }");
  const auto listed = odt::accept_without_effect(config.root());
  BOOST_TEST(listed == (std::vector<std::string>{"train_config.sync_replicas", "train_config.batch_queue_capacity",
                                                 "eval_input_reader[0].num_readers"}),
             boost::test_tools::per_element());
  BOOST_TEST(contains(error_of([&] { odt::refuse_unread(config.root()); }), "eval_input_reader[0].shuffle"));
}

BOOST_AUTO_TEST_CASE(num_classes_unlike_the_label_map_is_refused_with_both_files) {
  const auto config = pipeline::parse(whole, "a.config");
  const auto labels = odt::label_map::from_names({"red", "white"});
  BOOST_TEST(
      error_of([&] { odt::check_num_classes(config.root(), labels, "map.pbtxt"); }) ==
      "a.config:3:5: model.ssd.num_classes: 3, but the label map map.pbtxt has 2 classes with ids up to 2; write "
      "num_classes: 2, or give the label map that belongs to it");
  const auto right = odt::label_map::from_names({"red", "white", "platelet"});
  BOOST_CHECK_NO_THROW(odt::check_num_classes(config.root(), right, "map.pbtxt"));
}

BOOST_AUTO_TEST_SUITE_END()
