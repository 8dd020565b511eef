// SPDX-License-Identifier: MIT
// A trained detector as the files that other programs run.
#pragma once

#include <odt/train/model_setup.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// What a graph is given: export_inference_graph's input_type.
enum class graph_input : std::uint8_t { image_tensor, float_image_tensor, encoded_image_string_tensor, tf_example };

/// "image_tensor", ...
std::string_view name_of(graph_input input);

struct export_options {
  std::string output_directory{};
  graph_input input = graph_input::image_tensor;
  std::vector<int> input_shape{-1, -1, -1, 3};    ///< batch, height, width, 3; -1: any
  bool write_inference_graph = false;             ///< also inference_graph.pbtxt, whose variables are no constants
  std::vector<std::string> additional_outputs{};  ///< operations of the graph that are outputs too
  bool overwrite = false;
};

/// How detections are chosen in TFLite, by TFLite_Detection_PostProcess: export_tflite_ssd_graph's flags.
struct tflite_options {
  int max_detections = 10;
  int max_classes_per_detection = 1;  ///< of a box; with use_regular_nms it has one in any case
  int detections_per_class = 100;     ///< with use_regular_nms
  bool use_regular_nms = false;       ///< else boxes compete across classes, each with its best ones
  bool add_postprocessing_op = true;  ///< else the predictions are the outputs

  friend bool operator==(const tflite_options&, const tflite_options&) = default;
};

/// "1,?,?,3" or "1,-1,-1,3" as numbers; -1 for what is open. An error where it is no shape of images.
std::vector<int> parse_input_shape(std::string_view text);

/// Writes the directory of the API's export_inference_graph: frozen_inference_graph.pb, saved_model/saved_model.pb,
/// model.ckpt.*, checkpoint, pipeline.config. `config` is the text of the last one. Returns the paths, as they follow
/// one another. An export that is there is an error without `overwrite`.
std::vector<std::string> export_tensorflow(const ready_detector& detector, std::string_view config,
                                           const export_options& options);

/// The bytes of a GraphDef of its inference, with variables in place of their values: what TensorBoard shows.
std::string inference_graph(detector& model);

/// Writes model.onnx (opset 17) and pipeline.config: pixels in, detections out; without `post_process` only the boxes
/// and scores that they are chosen from. Of the options, the directory, input shape and overwrite count. Returns the
/// paths.
std::vector<std::string> export_onnx(const ready_detector& detector, std::string_view config,
                                     const export_options& options, bool post_process = true);

/// Writes what the API's export_tflite_ssd_graph writes, tflite_graph.pb and tflite_graph.pbtxt; detect.tflite, the
/// same for the interpreter in float32; labelmap.txt, a class a line; and pipeline.config. Of the options, the
/// directory and overwrite count. Returns the paths.
std::vector<std::string> export_tflite(const ready_detector& detector, std::string_view config,
                                       const export_options& options, const tflite_options& how = {});

/// Writes model.mlir, a module of StableHLO's text, labelmap.txt and pipeline.config: bytes of pixels in, detections
/// out; without `post_process` only the boxes and scores that they are chosen from. Of the options, the directory,
/// input shape and overwrite count; what the shape leaves open is one image, as large as the network's input. Returns
/// the paths.
std::vector<std::string> export_stablehlo(const ready_detector& detector, std::string_view config,
                                          const export_options& options, bool post_process = true);

/// The shape of the images that it takes then.
std::vector<int> stablehlo_input_shape(const detector& model, std::vector<int> shape);

/// Writes NAME.hpp, NAME.hpp.weights and pipeline.config: a class of that name that detects by odt's headers alone. Of
/// the options, the directory and overwrite count. Returns the paths.
std::vector<std::string> export_cpp(const ready_detector& detector, std::string_view config,
                                    const export_options& options, std::string_view name);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/export/export_model.ipp>
#endif
