// SPDX-License-Identifier: MIT
// Tensors of requests and answers, whichever protocol brought them.
#pragma once

#include <odt/core/text.hpp>
#include <odt/io/checkpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace odt::serve {

/// Bytes are pixels; what came as other numbers than bytes are floats.
using tensor_values = std::variant<std::vector<float>, std::vector<std::uint8_t>, std::vector<std::string>>;

struct tensor {
  std::vector<std::int64_t> shape{};
  tensor_values values{};

  bool strings() const { return std::holds_alternative<std::vector<std::string>>(values); }
  std::size_t size() const {
    return std::visit([](const auto& v) { return v.size(); }, values);
  }
};

inline std::string shape_text(const std::vector<std::int64_t>& shape) { return str("[", join(shape, ", "), "]"); }

/// An output; all of them are float32.
struct output_tensor {
  std::vector<std::int64_t> shape{};
  std::vector<float> values{};
};

using input_tensors = std::map<std::string, tensor, std::less<>>;
using output_tensors = std::map<std::string, output_tensor, std::less<>>;

/// Which version of which model is asked.
struct model_choice {
  std::string name{};
  std::optional<std::int64_t> version{};
  std::string label{};

  /// "Latest(m)", "Specific(m, 3)"
  std::string text() const { return version ? str("Specific(", name, ", ", *version, ")") : str("Latest(", name, ")"); }
};

struct predict_request {
  model_choice model{};
  std::string signature{};
  input_tensors inputs{};
  std::vector<std::string> output_filter{};
};

struct predict_response {
  std::string model{};
  std::int64_t version = 0;
  std::string signature{};
  output_tensors outputs{};
};

}  // namespace odt::serve
