// SPDX-License-Identifier: MIT
// What is written for C++, and the class that it is written around, run here; test/peers/check_cpp.py has a compiler
// make a program of the header.
#include "any_faster_rcnn.hpp"
#include "any_ssd.hpp"
#include "export/small_faster_rcnn.hpp"
#include "scratch.hpp"

#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/config/pipeline.hpp>
#include <odt/core/random.hpp>
#include <odt/exec/cpu/ssd_inference.hpp>
#include <odt/export/cpp_writer.ipp>
#include <odt/export/export_model.hpp>
#include <odt/io/file.hpp>

#include <boost/test/unit_test.hpp>

#include <cstring>
#include <string>
#include <vector>

namespace {

using odt::test::check_error;
using odt::test::scratch_directory;

/// Batch norms, residual sums and SAME padding; pictures are padded.
const char* const small_ssd = R"(
  model { ssd {
    num_classes: 3
    box_coder { faster_rcnn_box_coder { y_scale: 8 x_scale: 9 height_scale: 4 width_scale: 5 } }
    matcher { argmax_matcher {} }
    similarity_calculator { iou_similarity {} }
    anchor_generator { ssd_anchor_generator { num_layers: 6 } }
    image_resizer { keep_aspect_ratio_resizer { min_dimension: 64 max_dimension: 96 pad_to_max_dimension: true } }
    box_predictor { convolutional_box_predictor { kernel_size: 1 conv_hyperparams {
      regularizer { l2_regularizer {} } initializer { truncated_normal_initializer { stddev: 0.5 } } } } }
    feature_extractor { type: "ssd_mobilenet_v2" depth_multiplier: 0.25 min_depth: 8 conv_hyperparams {
      activation: RELU_6
      regularizer { l2_regularizer {} } initializer { truncated_normal_initializer { stddev: 0.3 } } batch_norm {} } }
    loss { classification_loss { weighted_sigmoid {} } localization_loss { weighted_smooth_l1 {} } }
    post_processing { score_converter: SIGMOID logit_scale: 2
      batch_non_max_suppression { score_threshold: 0.1 iou_threshold: 0.5 max_detections_per_class: 20
        max_total_detections: 30 } }
  } }
  train_config { optimizer { momentum_optimizer { learning_rate { constant_learning_rate {} } } } })";

template <class Detector = odt::test::any_ssd>
odt::ready_detector ready(const char* config, const char* change = "") {
  auto parsed = odt::pipeline::parse(config);
  parsed.merge(change);
  odt::ready_detector result;
  result.model = Detector::type().make(parsed.root(), {});
  return result;
}

odt::image noise(int height, int width) {
  odt::image picture(height, width);
  odt::random_stream random(static_cast<std::uint64_t>(height * width));
  for (auto& value : picture.pixels) value = static_cast<std::uint8_t>(random.bits());
  return picture;
}

using inference = odt::cpu::ssd_inference<odt::faster_rcnn_box_coder>;

/// What an exported header gives to the class, but for the copies that its source makes.
odt::cpu::ssd_parts<odt::faster_rcnn_box_coder> parts_of(const odt::detector& model, std::span<const float> values) {
  odt::detail::cpp::writer said;
  model.write_inference(said);
  return {.layers = *said.layers,
          .resizer = said.resizer,
          .pixels = said.pixels,
          .coder = {{said.scales[0], said.scales[1], said.scales[2], said.scales[3]}},
          .post_processing = said.post_processing,
          .has_background = said.has_background,
          .values = values};
}

std::vector<float> exported_values(const odt::ready_detector& detector) {
  const scratch_directory at;
  odt::export_cpp(detector, "", {.output_directory = at.path()}, "found");
  const std::string bytes = odt::read_file(at / "found.hpp.weights");
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

bool same(const odt::detection& a, const odt::detection& b) {
  return a.bounds == b.bounds && a.label == b.label && a.score == b.score;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cpp_tests)

BOOST_AUTO_TEST_CASE(the_class_finds_what_the_detector_finds_bit_for_bit) {
  const char* const softmax = "model { ssd { post_processing { score_converter: SOFTMAX } } }";
  const char* const agnostic =
      "model { ssd { image_resizer { fixed_shape_resizer { height: 80 width: 70 resize_method: BICUBIC } } "
      "post_processing { batch_non_max_suppression { use_class_agnostic_nms: true } } } }";
  const char* const pyramid = "model { ssd { feature_extractor { type: \"ssd_mobilenet_v1_ppn\" } } }";
  for (const char* const change : {"", softmax, agnostic, pyramid}) {
    BOOST_TEST_CONTEXT(change) {
      const auto detector = ready(small_ssd, change);
      const std::vector<float> values = exported_values(detector);
      for (const int threads : {1, 2}) {
        inference run(parts_of(*detector.model, values), {100, 120}, threads);
        for (const auto& [height, width] : {std::pair{50, 70}, {90, 31}, {1, 1}, {300, 200}}) {
          const odt::image picture = noise(height, width);
          const odt::detections expected = detector.model->detect(picture);
          BOOST_CHECK(!expected.empty());
          BOOST_TEST(std::ranges::equal(run.detect(picture.pixels.data(), picture.size()), expected, same));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_class_refuses_weights_of_another_export_and_pictures_without_pixels) {
  const auto detector = ready(small_ssd);
  std::vector<float> values = exported_values(detector);
  inference run(parts_of(*detector.model, values), {10, 10}, 1);
  check_error([&] { run.detect(nullptr, {0, 10}); }, {"0x10"});
  values.pop_back();
  check_error(
      [&] {
        inference(parts_of(*detector.model, values), {10, 10}, 1);
      },
      {std::to_string(values.size()), std::to_string(values.size() + 1), "not of one export"});
}

BOOST_AUTO_TEST_CASE(the_files_are_a_header_its_weights_and_the_config) {
  const scratch_directory at;
  auto detector = ready(small_ssd);
  detector.labels = odt::label_map::from_names({"a \"cat\"\\"});
  const auto paths = odt::export_cpp(detector, "a config", {.output_directory = at / "new"}, "pets");
  BOOST_REQUIRE_EQUAL(paths.size(), 3U);
  BOOST_CHECK_EQUAL(at.entries(), 1U);
  const std::string header = odt::read_file(at / "new/pets.hpp");
  BOOST_CHECK_EQUAL(header.find('@' + std::string("NAME")), std::string::npos);
  for (const char* const piece :
       {"class pets {", R"({"a \"cat\"\\", "class 2", "class 3"})", ".logit_scale = 2.0f", ".iou_threshold = 0.5f",
        "{.y_scale = 8.0f, .x_scale = 9.0f, .height_scale = 4.0f, .width_scale = 5.0f}",
        ".name = \"FeatureExtractor/MobilenetV2/Conv/Conv2D\", .inputs = {"})
    BOOST_CHECK_MESSAGE(header.find(piece) != std::string::npos, piece);
  BOOST_CHECK_EQUAL(odt::read_file(at / "new/pipeline.config"), "a config");
  check_error([&] { odt::export_cpp(detector, "a config", {.output_directory = at / "new"}, "pets"); },
              {"pets.hpp", "--overwrite"});
  odt::export_cpp(detector, "a config", {.output_directory = at / "new"}, "birds");
}

BOOST_AUTO_TEST_CASE(what_the_header_cannot_be_is_refused) {
  const scratch_directory at;
  const auto refused = [&](const odt::ready_detector& detector, std::string_view name,
                           std::initializer_list<std::string_view> pieces) {
    check_error([&] { odt::export_cpp(detector, "", {.output_directory = at.path()}, name); }, pieces);
    BOOST_CHECK_EQUAL(at.entries(), 0U);
  };
  refused(ready<odt::test::any_faster_rcnn>(odt::test::small_faster_rcnn), "found", {"model.faster_rcnn"});
  const char* const any_size =
      "model { ssd { image_resizer { keep_aspect_ratio_resizer { pad_to_max_dimension: false } } } }";
  const char* const calibrated =
      "model { ssd { post_processing { calibration_config { sigmoid_calibration { sigmoid_parameters {} } } } } }";
  refused(ready(small_ssd, any_size), "found", {"model.ssd.image_resizer", "one size"});
  refused(ready(small_ssd, calibrated), "found", {"calibration_config.sigmoid_calibration"});
  for (const char* const name : {"", "2d", "my-pets", "a.b", "odt", "detect"})
    refused(ready(small_ssd), name, {"--name", "C++ class"});
}

BOOST_AUTO_TEST_SUITE_END()
