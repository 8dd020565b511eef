// SPDX-License-Identifier: MIT
// Predict requests and their answers as TensorFlow Serving's REST interface writes them.
#pragma once

#include <odt/serve/models.hpp>
#include <odt/serve/tensor.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace odt::serve {

/// A request's body, and whether it came in rows ("instances") or columns ("inputs").
struct rest_request {
  predict_request asked{};
  bool rows = true;
};

/// {"signature_name": ..., "instances": [...]} or {..., "inputs": ...}; besides, "output_filter": [...]. {"b64": "..."}
/// is bytes. A failure (invalid_argument) says what is wrong.
rest_request parse_rest_request(std::string_view body);

/// {"predictions": [{"detection_boxes": ..., ...}, ...]} for rows, {"outputs": {...}} for columns; a single output
/// without its name.
std::string rest_response(const predict_response& response, bool rows);

/// {"model_version_status": [...]}
std::string rest_status(const std::vector<version_status>& versions);

/// {"model_spec": ..., "metadata": {"signature_def": {"signature_def": {...}}}}
std::string rest_metadata(const servable& of);

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/rest_body.ipp>
#endif
