// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/checkpoint_tools.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
#include <odt/io/tensor_values.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace odt {

namespace detail::checkpoint_averaging {

ODT_INLINE bool is_ours(const tensor_info& tensor) { return tensor.name.starts_with("odt/"); }

ODT_INLINE double step_of(const checkpoint_reader& checkpoint) {
  const tensor_info* const step = checkpoint.find("global_step");
  return step && step->elements() == 1 ? read_doubles(checkpoint, *step)[0] : -1;
}

/// Both have to be of one detector: the same tensors, types and shapes, but for what odt remembers besides.
ODT_INLINE void check_alike(const checkpoint_reader& newest, const checkpoint_reader& other) {
  const auto check = [](const checkpoint_reader& a, const checkpoint_reader& b) {
    for (const tensor_info& t : a.tensors()) {
      const tensor_info* const found = is_ours(t) ? &t : b.find(t.name);
      if (!found || describe(*found) != describe(t))
        fail(b.prefix(), ": \"", t.name, "\" is ", found ? describe(*found) : "missing", "; in ", a.prefix(), " it is ",
             describe(t), ": only checkpoints of one detector can be averaged");
    }
  };
  check(newest, other);
  check(other, newest);
}

template <class T>
std::string rounded(const std::vector<double>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<T>(values[i]);
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

ODT_INLINE std::string mean_bytes(std::span<const checkpoint_reader> all, const tensor_info& tensor) {
  std::vector<double> sum(tensor.elements());
  for (const checkpoint_reader& one : all) {
    const std::vector<double> values = read_doubles(one, one.at(tensor.name));
    for (std::size_t i = 0; i < sum.size(); ++i) {
      if (!std::isfinite(values[i])) fail(one.prefix(), ": \"", tensor.name, "\" has a value that is not finite");
      sum[i] += values[i];
    }
  }
  for (double& value : sum) value /= static_cast<double>(all.size());
  if (tensor.type == element_type::float64) return rounded<double>(sum);
  if (tensor.type == element_type::float32) return rounded<float>(sum);
  fail(all.back().prefix(), ": \"", tensor.name, "\" is ", describe(tensor), "; float32 and float64 are averaged");
}

}  // namespace detail::checkpoint_averaging

ODT_INLINE std::vector<std::string> newest_checkpoints(const std::string& directory, int last) {
  std::vector<std::pair<std::int64_t, std::string>> found;
  for (const std::string& index : matching_files(join_path(glob_of(directory), "*.index"))) {
    std::string prefix = index.substr(0, index.size() - 6);
    if (const auto step = checkpoint_step(prefix)) found.emplace_back(*step, std::move(prefix));
  }
  std::ranges::sort(found);
  if (std::ssize(found) < last)
    fail(directory, ": there are ", found.size(), " checkpoints (model.ckpt-N.index) here, not ", last);
  std::vector<std::string> prefixes;
  for (auto at = found.end() - last; at != found.end(); ++at) prefixes.push_back(at->second);
  return prefixes;
}

ODT_INLINE void average_checkpoints(const std::vector<std::string>& paths, const std::string& output) {
  namespace d = detail::checkpoint_averaging;
  std::vector<checkpoint_reader> all(paths.begin(), paths.end());
  if (output.ends_with(".safetensors")) fail(output, ": averages are written as TensorFlow's V2 checkpoints");
  if (all.size() < 2) fail("averages are of two checkpoints or more; ", all.size(), " given");
  std::ranges::stable_sort(all, {}, d::step_of);
  const checkpoint_reader& newest = all.back();
  for (const checkpoint_reader& one : all) d::check_alike(newest, one);
  checkpoint_writer writer(output);
  for (tensor_info tensor : newest.tensors()) {
    if (tensor.name.starts_with("odt/best/")) continue;
    const bool averaged = is_floating(tensor.type) && !d::is_ours(tensor);
    if (averaged) tensor.crc.reset();
    writer.add_raw(tensor, averaged ? d::mean_bytes(all, tensor) : newest.read_raw(tensor));
  }
  writer.commit();
}

}  // namespace odt
