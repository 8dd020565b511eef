// SPDX-License-Identifier: MIT
// What a detector is asked and answers, by the names that the API's exported models have.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/settings.hpp>
#include <odt/serve/tensor.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace odt::serve {

/// A tensor of a signature; extents of -1 are open.
struct tensor_description {
  std::string name{};  ///< "inputs"
  std::string graph_name{};
  element_type type = element_type::float32;
  std::vector<std::int64_t> shape{};
};

/// Every signature takes any of the inputs' names; the first is its own.
struct signature {
  std::string name{};
  std::string method = "tensorflow/serving/predict";
  std::vector<tensor_description> inputs{};
};

/// How the outputs of a detector are laid out.
struct output_layout {
  std::int64_t most = 100;                       ///< detections of an image
  std::int64_t mask_height = 0, mask_width = 0;  ///< 0: there are none

  /// By the config's max_total_detections and mask predictor.
  static output_layout from(const settings& root);
};

/// serving_default, detection_signature and tensorflow/serving/predict.
const std::vector<signature>& signatures();
std::vector<tensor_description> outputs_of(const output_layout& layout);

/// "serving_default" of an empty name. Refused: another name (failed_precondition).
const signature& find_signature(std::string_view name);

/// The one input of a request, by any of the names. Refused: none, several, or one of another name.
input_tensors::const_iterator only_input(const input_tensors& inputs, const signature& of);

/// detection_boxes (normalized: ymin, xmin, ymax, xmax), detection_scores, detection_classes (from 1),
/// num_detections, and masks where the layout has them. Slots without a detection are zeros, and of class 1, as clients
/// look up every slot's class. With a filter only these outputs; a name that is none of them is refused.
output_tensors make_outputs(const std::vector<detections>& found, const output_layout& layout,
                            const std::vector<std::string>& filter);

/// Refuses a filter's name that is no output.
void check_filter(const output_layout& layout, const std::vector<std::string>& filter);

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/signature.ipp>
#endif
