// SPDX-License-Identifier: MIT
// The messages of TensorFlow Serving's gRPC interface as bytes.
#pragma once

#include <odt/serve/models.hpp>
#include <odt/serve/tensor.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odt::serve {

/// A PredictRequest. Tensors may have their values typed or as tensor_content. A failure (invalid_argument) names the
/// input and what is wrong.
predict_request parse_predict_request(std::string_view bytes);

/// A PredictResponse; its values are typed, as clients read `.float_val`.
std::string serialize(const predict_response& response);

/// The request of a PredictionLog; nothing where it holds another kind of log.
std::optional<predict_request> logged_request(std::string_view bytes);

/// A GetModelMetadataRequest answered: a failure for another field than "signature_def".
std::string answer_metadata(std::string_view request, const models& all);

/// A GetModelStatusRequest answered.
std::string answer_status(std::string_view request, const models& all);

/// A ReloadConfigResponse.
std::string reload_response(const status& how);

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/wire.ipp>
#endif
