// SPDX-License-Identifier: MIT
// What is exported as StableHLO, run by a plugin, beside the detector. test/peers/check_exports.py has jaxlib run it.
#include "exec/pjrt/plugin.hpp"
#include "exec/pjrt/small_ssd.hpp"
#include "export/small_faster_rcnn.hpp"
#include "scratch.hpp"

#include "any_faster_rcnn.hpp"

#include <odt/config/pipeline.hpp>
#include <odt/core/random.hpp>
#include <odt/export/check_export.hpp>
#include <odt/export/export_model.hpp>
#include <odt/io/file.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <vector>

namespace odt::test {
namespace {

constexpr int classes = 3;

/// Many boxes that overlap and classes that compete: random weights with large logits.
any_ssd::options detecting() {
  any_ssd::options o = usual();
  o.resizer = image_resizer::fixed_shape({96, 96});
  o.post_processing.converter = score_converter::sigmoid;
  o.post_processing.suppression = {
      .score_threshold = 0.3f, .iou_threshold = 0.5f, .max_detections_per_class = 12, .max_total_detections = 20};
  return o;
}

ready_detector ready(const any_ssd::options& o) {
  ready_detector r;
  r.model = std::make_unique<any_ssd>(o, run_options{.seed = 3, .threads = 1});
  r.model->edit_state([](std::span<const editable_tensor> all) {
    for (const editable_tensor& t : all)
      if (t.model_variable && t.name.find("BoxPredictor") != std::string::npos && t.name.ends_with("weights"))
        for (float& v : t.values) v *= 8;
  });
  return r;
}

image noise(int height, int width, std::uint64_t number) {
  image picture(height, width);
  random_stream random(9, number, 0);
  std::uint8_t last = 0;
  for (std::uint8_t& byte : picture.pixels)
    byte = last = static_cast<std::uint8_t>((last + random.integer(0, 90)) % 256);
  return picture;
}

/// The outputs of the module of pictures of one size, by name.
std::map<std::string, std::vector<float>> run(const std::string& module, std::span<const image> pictures) {
  std::vector<std::uint8_t> bytes;
  for (const image& p : pictures) bytes.insert(bytes.end(), p.pixels.begin(), p.pixels.end());
  std::vector<std::pair<std::string, std::size_t>> outputs;
  const std::regex line("//   (\\w+): float32 \\[([0-9, ]+)\\]");
  for (std::sregex_iterator i(module.begin(), module.end(), line), end; i != end; ++i) {
    std::size_t size = 1;
    const std::string extents = (*i)[2];
    const std::regex number("[0-9]+");
    for (std::sregex_iterator n(extents.begin(), extents.end(), number); n != end; ++n) size *= std::stoul(n->str());
    outputs.emplace_back((*i)[1], size);
  }
  const auto program = pjrt_client().compile(module, 1, outputs.size());
  const pjrt::extents shape{std::ssize(pictures), pictures[0].height, pictures[0].width, 3};
  const auto results =
      program->run({{pjrt_client().upload(pjrt::element_type::u8, std::as_bytes(std::span(bytes)), shape, 0)}})[0];
  std::map<std::string, std::vector<float>> values;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    values[outputs[i].first].resize(outputs[i].second);
    pjrt_client().download(*results[i], values[outputs[i].first]);
  }
  return values;
}

detections detections_of(std::map<std::string, std::vector<float>>& found, std::size_t picture, std::size_t most) {
  detections all;
  for (std::size_t i = 0; i < static_cast<std::size_t>(found["num_detections"][picture]); ++i) {
    const std::size_t n = picture * most + i;
    const float* const b = &found["detection_boxes"][4 * n];
    all.push_back(
        {{b[0], b[1], b[2], b[3]}, static_cast<int>(found["detection_classes"][n]) - 1, found["detection_scores"][n]});
  }
  return all;
}

void check_against_detector(const any_ssd::options& o, const export_options& how, size2 size, int batch) {
  const ready_detector r = ready(o);
  const scratch_directory at;
  export_options to = how;
  to.output_directory = at.path();
  export_stablehlo(r, "", to);
  std::vector<image> pictures;
  for (int i = 0; i < batch; ++i) pictures.push_back(noise(size.height, size.width, static_cast<std::uint64_t>(i)));
  auto found = run(read_file(at / "model.mlir"), pictures);
  const auto most = static_cast<std::size_t>(o.post_processing.suppression.max_total_detections);
  check_report report;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const detections ours = r.model->detect(pictures[i]);
    BOOST_TEST(ours.size() > 4u);
    compare_detections({"noise", pictures[i]}, ours, detections_of(found, i, most), {.score = 1e-4f, .box = 1e-4f},
                       report);
  }
  for (const std::string& problem : report.problems) BOOST_ERROR(problem);
  BOOST_TEST(report.detections > 4u * pictures.size());
  BOOST_TEST(found["detection_multiclass_scores"].size() == pictures.size() * most * (classes + 1));
}

BOOST_AUTO_TEST_SUITE(stablehlo_export_tests)

BOOST_AUTO_TEST_CASE(a_plugin_finds_what_the_detector_finds) {
  if (!has_pjrt_plugin()) return;
  check_against_detector(detecting(), {}, {96, 96}, 1);
}

BOOST_AUTO_TEST_CASE(images_are_resized_and_padded_inside) {
  if (!has_pjrt_plugin()) return;
  any_ssd::options o = detecting();
  o.resizer = image_resizer::keep_aspect_ratio(96, 96, true);
  check_against_detector(o, {.input_shape = {2, 60, 130, 3}}, {60, 130}, 2);
}

BOOST_AUTO_TEST_CASE(raw_outputs_have_no_choice_in_them) {
  const scratch_directory at;
  export_stablehlo(ready(detecting()), "", {.output_directory = at.path()}, false);
  const std::string text = read_file(at / "model.mlir");
  BOOST_TEST(text.find("//   raw_detection_boxes: float32 [1, ") != text.npos);
  BOOST_TEST(text.find("detection_classes") == text.npos);
  BOOST_TEST(text.find("stablehlo.while") == text.npos);
}

BOOST_AUTO_TEST_CASE(what_stablehlo_has_no_words_for_is_refused) {
  const scratch_directory at;
  const auto refused = [&](const any_ssd::options& o, std::initializer_list<std::string_view> parts) {
    check_error([&] { export_stablehlo(ready(o), "", {.output_directory = at.path()}); }, parts);
  };
  any_ssd::options soft = detecting(), agnostic = detecting(), open = detecting();
  soft.post_processing.suppression.soft_nms_sigma = 0.5f;
  refused(soft, {"soft_nms_sigma", "0.5", "StableHLO"});
  agnostic.post_processing.suppression.use_class_agnostic_nms = true;
  refused(agnostic, {"use_class_agnostic_nms", "StableHLO"});
  open.resizer = image_resizer::keep_aspect_ratio(96, 160);
  refused(open, {"model.ssd.image_resizer", "one size"});
  ready_detector two_stages;
  two_stages.model = any_faster_rcnn::type().make(pipeline::parse(small_faster_rcnn).root(), {});
  check_error([&] { export_stablehlo(two_stages, "", {.output_directory = at.path()}); },
              {"model.faster_rcnn", "StableHLO", "onnx"});
  check_error(
      [&] {
        export_stablehlo(two_stages, "", {.output_directory = at.path(), .input_shape = {1, 64, 64, 3}});
      },
      {"model.faster_rcnn", "StableHLO"});
  BOOST_TEST(at.entries() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
