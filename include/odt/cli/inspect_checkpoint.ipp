// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/inspect.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/train/model_setup.hpp>
#include <odt/train/run_state.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>

namespace odt {

namespace detail::checkpoint_inspection {

ODT_INLINE std::string statistics(const std::vector<float>& values) {
  double sum = 0, squares = 0, low = std::numeric_limits<double>::infinity(), high = -low;
  std::size_t odd = 0;
  for (const float v : values) {
    if (!std::isfinite(v)) {
      ++odd;
      continue;
    }
    sum += v;
    squares += double{v} * v;
    low = std::min<double>(low, v);
    high = std::max<double>(high, v);
  }
  const double n = static_cast<double>(values.size() - odd), mean = n > 0 ? sum / n : 0;
  std::string text;
  if (n > 0)
    text = str("mean ", significant(mean, 3), ", deviation ",
               significant(n > 0 ? std::sqrt(std::max(0.0, squares / n - mean * mean)) : 0, 3), ", ",
               significant(low, 3), " to ", significant(high, 3));
  if (odd > 0) text += str(text.empty() ? "" : ", ", odd, " NOT FINITE");
  return text;
}

ODT_INLINE std::string value_text(const checkpoint_reader& reader, const tensor_info& tensor) {
  if (tensor.sliced) return "stored in slices";
  if (tensor.type == element_type::float32) {
    const auto values = reader.read<float>(tensor.name);
    return values.size() == 1 ? significant(values[0], 6) : statistics(values);
  }
  const std::string bytes = reader.read_raw(tensor);  // checks the checksum
  if (tensor.elements() != 1) return {};
  if (tensor.type == element_type::int64) return std::to_string(reader.read<std::int64_t>(tensor.name)[0]);
  if (tensor.type == element_type::int32) return std::to_string(reader.read<std::int32_t>(tensor.name)[0]);
  if (tensor.type == element_type::float64) return significant(reader.read<double>(tensor.name)[0], 6);
  return {};
}

ODT_INLINE std::string prefix_of(const std::string& path) {
  if (path == "checkpoint") return checkpoint_prefix(".");
  if (path.ends_with("/checkpoint")) return checkpoint_prefix(path.substr(0, path.size() - 11));
  const std::size_t data = path.rfind(".data-0");
  return checkpoint_prefix(data == std::string::npos ? path : path.substr(0, data));
}

/// Whether the file with the values of the first tensor is there.
ODT_INLINE bool has_data(const checkpoint_reader& reader) {
  const std::string start = reader.prefix() + ".data-";
  const std::filesystem::path directory = std::filesystem::path(start).parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(directory.empty() ? "." : directory))
    if (entry.path().filename().string().starts_with(std::filesystem::path(start).filename().string())) return true;
  return false;
}

}  // namespace detail::checkpoint_inspection

ODT_INLINE std::string inspect_checkpoint(const std::string& path) {
  namespace d = detail::checkpoint_inspection;
  const checkpoint_reader reader(d::prefix_of(path));
  std::int64_t bytes = 0, values = 0;
  std::size_t widest = 0;
  for (const tensor_info& t : reader.tensors()) {
    bytes += static_cast<std::int64_t>(t.bytes);
    values += static_cast<std::int64_t>(t.elements());
    widest = std::min<std::size_t>(100, std::max(widest, display_width(t.name)));
  }
  std::string text = str("checkpoint ", reader.prefix(), ": ", counted(std::ssize(reader.tensors()), "tensor"), ", ",
                         grouped(values), " values, ", human_bytes(bytes), "\n");
  const bool has_data = d::has_data(reader);
  if (!has_data) text += "the values are not there: the file .data-... is missing\n";
  if (const auto run = has_data ? read_run_state(reader) : std::nullopt)
    text += str("a run of odt: seed ", run->seed, ", ", grouped(static_cast<std::int64_t>(run->samples_seen)),
                " images seen\n");
  for (const tensor_info& t : reader.tensors())
    text += str("  ", padded(t.name, widest), "  ", padded(describe(t), 24), "  ",
                has_data ? d::value_text(reader, t) : "", "\n");
  return text;
}

}  // namespace odt
