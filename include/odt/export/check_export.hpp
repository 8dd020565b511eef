// SPDX-License-Identifier: MIT
// Whether an export finds what the detector finds: the program that the format is for runs it on photos.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/image.hpp>
#include <odt/core/settings.hpp>
#include <odt/export/export_model.hpp>
#include <odt/train/model_setup.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// A photo that an export is tried on.
struct check_photo {
  std::string name;
  image pixels;
};

/// How detections may differ between two programs that run the same network.
struct check_tolerance {
  float score = 1e-3f;
  float box = 1e-3f;    ///< a corner, of the picture's side
  float least = 0.05f;  ///< of the scores that are compared
  /// Where detections are made of crops: of those that end near the lower or right border. There, rounding decides
  /// whether the last row of a crop lies within the map or is 0, in TensorFlow as here.
  float border_score = 0, border_box = 0;

  static check_tolerance of_crops() { return {.border_score = 0.03f, .border_box = 0.01f}; }
};

/// What was compared, and how far the programs are apart.
struct check_report {
  std::string runner;  ///< "TensorFlow 2.15.1"; empty: it is not installed
  std::size_t photos = 0;
  std::size_t detections = 0;
  std::size_t ties = 0;               ///< that differ because of others whose scores are equal
  std::size_t at_border = 0;          ///< that differ by no more than crops at the border may
  float score = 0;                    ///< the largest difference
  float box = 0;                      ///< the largest difference
  std::vector<std::string> problems;  ///< detections that only one of them has, by photo
};

/// A photo at another size, by TensorFlow's bilinear sampling, in whole numbers again.
check_photo resized_photo(const check_photo& photo, size2 size);

/// The photos of the config's evaluation set, `count` at most; none where it names no records that are there.
std::vector<check_photo> evaluation_photos(const settings& root, std::size_t count);

/// Compares the detections of one photo, in any order: each of `ours` needs one of `theirs` of its class and, by the
/// tolerance, its score and box; and the reverse. Scores nearer to the least one than the tolerance need none. Of two
/// boxes that overlap and have the same score, each program may keep the other, and what overlaps these follows; so may
/// each keep another one as its last.
void compare_detections(const check_photo& photo, const detections& ours, const detections& theirs,
                        const check_tolerance& tolerance, check_report& report);

/// What an export is for.
enum class export_format : std::uint8_t { tensorflow, onnx, tflite, stablehlo, cpp };

/// The Python package that runs one of all but the last: "tensorflow", "onnxruntime", "tflite_runtime" (ai_edge_litert
/// and tensorflow have TFLite's interpreter too), "jax".
std::string_view package_of(export_format format);

/// Changes of a config (as hparams_overrides) by which a detector chooses among boxes as the .tflite file does: boxes
/// of all classes compete, unless it has use_regular_nms. A file whose boxes have several classes each cannot be
/// followed.
std::string rule_of(const tflite_options& how);

/// Runs an export of one of the first three in `directory` by `python`, which needs the format's package. For TFLite
/// the detector has to be one of the config that `rule_of` changes.
check_report check_export(const ready_detector& detector, const std::string& directory, export_format format,
                          std::span<const check_photo> photos, std::string_view python,
                          const check_tolerance& tolerance = {});

/// The flags besides -I by which an export_cpp's header has the kernels of this program: "-std=c++20 -O3 ...".
std::string cpp_flags();

/// Compiles the header that export_cpp wrote into `directory` by `compiler`, a command of the shell that finds odt's
/// and xsimd's headers (if there is none: no runner), and compares what it finds with what the detector finds, bit for
/// bit.
check_report check_cpp(const ready_detector& detector, const std::string& directory, std::string_view name,
                       std::span<const check_photo> photos, std::string_view compiler);

/// For people, in a line; and a line a problem.
std::string describe(const check_report& report);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/export/check_cpp.ipp>
#include <odt/export/check_export.ipp>
#endif
