// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/checkpoint_tools.hpp>
#include <odt/cli/tensor_statistics.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/io/tensor_values.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace odt {

namespace detail::checkpoint_listing {

ODT_INLINE std::string_view format_name(checkpoint_format format) {
  switch (format) {
    case checkpoint_format::tensor_bundle:
      return "TensorFlow V2";
    case checkpoint_format::slice_table:
      return "TensorFlow V1";
    case checkpoint_format::torch:
      return "PyTorch";
    case checkpoint_format::safetensors:
      return "safetensors";
    case checkpoint_format::frozen_graph:
      return "TensorFlow frozen graph";
  }
  return "";
}

/// A single number as it is; of more, what they are like.
ODT_INLINE std::string values_text(const checkpoint_reader& checkpoint, const tensor_info& tensor) {
  if (element_size(tensor.type) == 0 || tensor.elements() == 0) return {};
  const std::vector<double> values = read_doubles(checkpoint, tensor);
  return values.size() == 1 ? significant(values[0], 8) : tensor_statistics(values).text();
}

}  // namespace detail::checkpoint_listing

ODT_INLINE std::string list_tensors(const checkpoint_reader& checkpoint) {
  namespace d = detail::checkpoint_listing;
  const bool has_values = checkpoint.has_values();
  std::size_t widest = 0;
  std::int64_t bytes = 0;
  for (const tensor_info& t : checkpoint.tensors()) {
    widest = std::min<std::size_t>(100, std::max(widest, display_width(t.name)));
    bytes += static_cast<std::int64_t>(t.bytes);
  }
  std::string text = str(checkpoint.prefix(), ", ", d::format_name(checkpoint.format()), ": ",
                         counted(std::ssize(checkpoint.tensors()), "tensor"), ", ", human_bytes(bytes), "\n");
  if (!has_values) text += "the values are not there: the file .data-... is missing\n";
  for (const tensor_info& t : checkpoint.tensors())
    text += str("  ", padded(t.name, widest), "  ", padded(describe(t), 24), "  ",
                padded(str(grouped(static_cast<std::int64_t>(t.bytes)), " bytes"), 16), "  ",
                has_values ? d::values_text(checkpoint, t) : "", "\n");
  return text;
}

ODT_INLINE std::string list_tensors_json(const checkpoint_reader& checkpoint) {
  namespace d = detail::checkpoint_listing;
  nlohmann::ordered_json list{{"checkpoint", checkpoint.prefix()},
                              {"format", d::format_name(checkpoint.format())},
                              {"tensors", nlohmann::ordered_json::array()}};
  for (const tensor_info& t : checkpoint.tensors()) {
    nlohmann::ordered_json one{{"name", t.name}, {"type", to_string(t.type)}, {"shape", t.shape}, {"bytes", t.bytes}};
    if (checkpoint.has_values() && element_size(t.type) > 0) {
      const tensor_statistics s(read_doubles(checkpoint, t));
      if (s.finite > 0) one.update({{"mean", s.mean}, {"deviation", s.deviation}, {"min", s.low}, {"max", s.high}});
      one["not_finite"] = s.not_finite;
    }
    list["tensors"].push_back(std::move(one));
  }
  return list.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace odt
