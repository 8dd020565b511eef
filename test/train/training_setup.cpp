// SPDX-License-Identifier: MIT
#include <odt/train/training_setup.hpp>

#include "train/toy_data.hpp"
#include "train/toy_detector.hpp"

#include <odt/core/log.hpp>

#include <boost/test/unit_test.hpp>

namespace {

using odt::test::scratch_directory;
using odt::test::toy_detector;

odt::training_setup set_up(odt::train_flags flags) {
  static const std::vector<odt::detector_type> types{toy_detector::type()};
  flags.threads = flags.data_threads = 1;
  return odt::set_up_training(types, flags, nullptr);
}

/// What a config is refused for.
std::string refusal(odt::train_flags flags) {
  try {
    set_up(std::move(flags));
  } catch (const odt::error& e) {
    return e.what();
  }
  return "no error";
}

std::string refusal(const std::string& config) {
  odt::train_flags flags;
  flags.pipeline_config_path = config;
  return refusal(flags);
}

/// The warnings while it lives.
struct warnings {
  warnings() {
    odt::set_log_sink([this](odt::log_level, std::string_view message) { text += std::string(message) + "\n"; });
  }
  ~warnings() { odt::set_log_sink({}); }
  std::string text;
};

bool contains(std::string_view text, std::string_view part) {
  const bool found = text.find(part) != std::string_view::npos;
  if (!found) BOOST_TEST_MESSAGE("\"" << part << "\" is not in:\n" << text);
  return found;
}

void replace(const std::string& path, const std::string& from, const std::string& to) {
  std::string text = odt::read_file(path);
  const auto at = text.find(from);
  BOOST_REQUIRE(at != text.npos);
  odt::write_file(path, text.replace(at, from.size(), to));
}

/// Records whose boxes are `bounds` of class `text`; none where it is empty.
void write_records(const std::string& path, int images, const odt::boxf& bounds, const std::string& text) {
  odt::record_writer writer(path);
  for (int i = 0; i < images; ++i) {
    odt::example e;
    e.encoded = odt::encode_png(odt::image(4, 5));
    e.source_id = odt::str("p", i, ".png");
    if (!text.empty()) {
      odt::labelled_object object;
      object.bounds = bounds;
      object.text = text;
      e.objects = {object};
    }
    writer.write(odt::serialize_example(e));
  }
  writer.commit();
}

/// What training_input refuses a toy run with these changes for.
std::string input_refusal(const std::string& changes, const odt::detector& model = toy_detector()) {
  const scratch_directory at;
  odt::pipeline config = odt::pipeline::load(odt::test::write_toy_run(at));
  config.merge(changes);
  try {
    odt::training_input(config.root(), model, {});
  } catch (const odt::error& e) {
    return e.what();
  }
  return "no error";
}

/// Of images of different sizes.
struct keeps_aspect_ratio : toy_detector {
  const odt::image_resizer& resizer() const override { return resizer_; }

 private:
  odt::image_resizer resizer_ = odt::image_resizer::keep_aspect_ratio(8, 16);
};

constexpr odt::boxf good{0.1f, 0.2f, 0.6f, 0.7f}, in_pixels{12, 16, 36, 48};

}  // namespace

BOOST_AUTO_TEST_SUITE(training_setup_tests)

BOOST_AUTO_TEST_CASE(a_good_config_is_set_up_and_described_without_a_model_dir) {
  const scratch_directory at;
  odt::train_flags flags;
  flags.pipeline_config_path = odt::test::write_toy_run(at);
  const auto s = set_up(flags);
  BOOST_TEST(contains(odt::describe(s), "10 training images with 10 boxes, seed 0, up to step 20"));
  BOOST_TEST(s.evaluations.size() == 1u);
}

BOOST_AUTO_TEST_CASE(three_stages_without_masks_are_refused_with_the_field_that_loads_them) {
  const std::string three = "model { faster_rcnn { num_classes: 1 number_of_stages: 3 } }";
  const std::string said = input_refusal(three);
  BOOST_TEST(contains(said,
                      "model.faster_rcnn.number_of_stages: is 3, which is trained with masks, but "
                      "train_input_reader loads none; write load_instance_masks: true"));
  BOOST_TEST(input_refusal(three + " train_input_reader { load_instance_masks: true mask_type: PNG_MASKS }") ==
             "no error");
  BOOST_TEST(input_refusal("model { faster_rcnn { num_classes: 1 number_of_stages: 2 } }") == "no error");
}

BOOST_AUTO_TEST_CASE(masks_that_the_model_has_no_use_for_are_not_loaded_and_told_once) {
  const scratch_directory at;
  odt::pipeline config = odt::pipeline::load(odt::test::write_toy_run(at));
  config.merge("train_input_reader { load_instance_masks: true mask_type: PNG_MASKS }");
  const warnings told;
  const auto input = odt::training_input(config.root(), toy_detector(), {});
  BOOST_TEST(!input.options.masks);
  BOOST_TEST(
      contains(told.text, "train_input_reader.load_instance_masks: without effect: the model predicts no masks"));
}

BOOST_AUTO_TEST_CASE(records_without_the_masks_that_are_to_be_loaded_are_refused_before_the_training) {
  const scratch_directory at;
  odt::pipeline config = odt::pipeline::load(odt::test::write_toy_run(at));
  config.merge(
      "model { faster_rcnn { num_classes: 1 number_of_stages: 3 } } "
      "train_input_reader { load_instance_masks: true mask_type: PNG_MASKS }");
  const auto input = odt::training_input(config.root(), toy_detector(), {});
  std::string said;
  try {
    odt::check_input(input, nullptr);
  } catch (const odt::error& e) {
    said = e.what();
  }
  BOOST_TEST(contains(said, "train_input_reader.tf_record_input_reader.input_path[0]: " + (at / "train.record")));
  BOOST_TEST(contains(said, "image/object/mask has 0 PNG files for 1 boxes; load_instance_masks wants a mask of each"));
}

BOOST_AUTO_TEST_CASE(the_configs_bfloat16_is_that_of_accelerators_and_the_flag_rules) {
  const scratch_directory at;
  std::optional<odt::precision> made;
  std::vector<odt::detector_type> types{toy_detector::type()};
  types[0].make = [&made, make = types[0].make](const odt::settings& root, const odt::run_options& run) {
    made = run.compute;
    return make(root, run);
  };
  odt::train_flags flags;
  flags.pipeline_config_path = odt::test::write_toy_run(at);
  flags.threads = flags.data_threads = 1;
  flags.hparams_overrides = "use_bfloat16=true";
  const auto precision_on = [&](const std::string& device) {
    flags.device = device;
    odt::set_up_training(types, flags, nullptr);
    return made;
  };
  BOOST_TEST((precision_on("tpu") == odt::precision::bf16));
  BOOST_TEST((precision_on("pjrt:plugin.so") == odt::precision::bf16));
  {
    const warnings told;
    BOOST_TEST((precision_on("cpu") == std::nullopt));
    BOOST_TEST(contains(told.text, "train_config.use_bfloat16: speaks of TPUs alone"));
  }
  flags.compute = odt::precision::fp32;
  BOOST_TEST((precision_on("tpu") == odt::precision::fp32));
}

BOOST_AUTO_TEST_CASE(images_of_different_sizes_are_no_batch) {
  const keeps_aspect_ratio model;
  const std::string said = input_refusal("train_config { batch_size: 2 }", model);
  BOOST_TEST(contains(said,
                      "train_config.batch_size: is 2, but the image_resizer makes images of different sizes; "
                      "write batch_size: 1, pad_to_max_dimension: true in keep_aspect_ratio_resizer"));
  BOOST_TEST(input_refusal("train_config { batch_size: 1 }", model) == "no error");
}

BOOST_AUTO_TEST_CASE(mistakes_of_the_evaluation_are_refused_before_the_training_with_their_fields) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), whole = odt::read_file(config);
  replace(config, "num_visualizations: 1", "metrics_set: 'coco_metrics'");
  BOOST_TEST(contains(refusal(config), config + ":"));
  BOOST_TEST(contains(refusal(config), "eval_config.metrics_set: \"coco_metrics\" is not available"));
  odt::write_file(config, whole);
  replace(config, "num_visualizations: 1", "batch_size: 0");
  BOOST_TEST(contains(refusal(config), "eval_config.batch_size: 0 is too small"));
  odt::write_file(config, whole);
  replace(config, at / "val.record", at / "no.record");
  BOOST_TEST(contains(refusal(config), "eval_input_reader[0].tf_record_input_reader.input_path[0]: " +
                                           (at / "no.record") + ": no such file"));
  odt::write_file(config, whole);
  std::filesystem::resize_file(at / "val.record", odt::file_size(at / "val.record") - 5);
  BOOST_TEST(contains(refusal(config), "eval_input_reader[0].tf_record_input_reader.input_path[0]: " +
                                           (at / "val.record") + ", record 3 "));
  BOOST_TEST(contains(refusal(config), "cut short"));
}

BOOST_AUTO_TEST_CASE(files_that_are_not_there_are_refused_with_their_fields) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at), whole = odt::read_file(config);
  replace(config, at / "label_map.pbtxt", "no.pbtxt");
  BOOST_TEST(contains(refusal(config),
                      "train_input_reader.label_map_path: \"no.pbtxt\": there is no such file; it is "
                      "meant from "));
  odt::write_file(config, whole);
  replace(config, at / "train.record", "gs://bucket/train.record");
  BOOST_TEST(contains(refusal(config),
                      "train_input_reader.tf_record_input_reader.input_path[0]: "
                      "gs://bucket/train.record: this program was built without object stores"));
  odt::write_file(config, whole);
  replace(config, "num_steps: 20", "fine_tune_checkpoint: '" + (at / "model.ckpt") + "'");
  BOOST_TEST(contains(refusal(config), "train_config.fine_tune_checkpoint: " + (at / "model.ckpt")));
}

BOOST_AUTO_TEST_CASE(label_maps_that_contradict_each_other_are_refused) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  replace(config, "num_classes: 1", "num_classes: 2");
  odt::label_map::from_names({"thing", "other"}).write(at / "label_map.pbtxt");
  odt::label_map::from_names({"other", "thing"}).write(at / "swapped.pbtxt");
  std::string text = odt::read_file(config);
  const auto last = text.rfind(at / "label_map.pbtxt");
  odt::write_file(config, text.replace(last, (at / "label_map.pbtxt").size(), at / "swapped.pbtxt"));
  BOOST_TEST(contains(refusal(config), "eval_input_reader[0].label_map_path: its classes are not those of "));
  BOOST_TEST(contains(refusal(config), "class 1 was thing and is other now"));
}

BOOST_AUTO_TEST_CASE(records_whose_objects_cannot_be_used_are_refused_unless_they_may_be_skipped) {
  const scratch_directory at;
  odt::train_flags flags;
  flags.pipeline_config_path = odt::test::write_toy_run(at);
  for (const std::string record : {"train.record", "val.record"}) {
    odt::test::write_toy_run(at);
    write_records(at / record, 4, in_pixels, "thing");
    BOOST_TEST(contains(refusal(flags), (at / record) + ", record 0 (byte 0) (p0.png): its one object cannot be used"));
    BOOST_TEST(contains(refusal(flags), "4 of the 4 images cannot be used"));
    write_records(at / record, 4, good, "Thing");
    BOOST_TEST(contains(refusal(flags), "the class \"Thing\" is not in the label map"));
    flags.on_bad_example = odt::bad_example::skip;
    if (record == "train.record")
      BOOST_TEST(
          contains(refusal(flags), "none of the 4 images has a box that can be used; there is nothing to learn"));
    else
      BOOST_TEST(refusal(flags) == "no error");
    flags.on_bad_example = odt::bad_example::fail;
  }
}

BOOST_AUTO_TEST_CASE(a_set_without_a_box_teaches_nothing_and_tells_nothing) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  write_records(at / "val.record", 3, good, "");
  {
    const warnings seen;
    BOOST_TEST(refusal(config) == "no error");
    BOOST_TEST(contains(seen.text,
                        "eval_input_reader[0].tf_record_input_reader.input_path[0]: none of the 3 images to "
                        "evaluate on has a box"));
  }
  write_records(at / "train.record", 3, good, "");
  BOOST_TEST(contains(refusal(config), "none of the 3 images has a box; there is nothing to learn"));
}

BOOST_AUTO_TEST_CASE(what_is_not_evaluated_on_is_not_looked_at) {
  const scratch_directory at;
  odt::train_flags flags;
  flags.pipeline_config_path = odt::test::write_toy_run(at);
  odt::remove_file(at / "val.record");
  flags.evaluate = false;
  BOOST_TEST(refusal(flags) == "no error");
}

BOOST_AUTO_TEST_SUITE_END()
