// SPDX-License-Identifier: MIT
// The tensors of torchvision's classifiers, by its names, with values that follow from name and place.
#pragma once

#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_source.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::test {

/// Tensors whose values are made when they are read.
class made_tensors : public detail::checkpoint_source {
 public:
  void add(const std::string& name, std::vector<std::int64_t> shape, element_type type = element_type::float32) {
    tensor_info tensor{.name = name, .type = type, .shape = std::move(shape)};
    tensor.bytes = tensor.elements() * element_size(type);
    const auto at = std::ranges::lower_bound(tensors_, name, {}, &tensor_info::name);
    if (at != tensors_.end() && at->name == name)
      *at = std::move(tensor);
    else
      tensors_.insert(at, std::move(tensor));
  }
  void remove(std::string_view name) {
    std::erase_if(tensors_, [name](const tensor_info& t) { return t.name == name; });
  }
  void rename(const std::function<std::string(const std::string&)>& how) {
    for (tensor_info& tensor : tensors_) tensor.name = how(tensor.name);
    std::ranges::sort(tensors_, {}, &tensor_info::name);
  }

  void convolution(const std::string& name, const std::string& norm, std::int64_t outputs, std::int64_t inputs,
                   std::int64_t kernel) {
    add(name + ".weight", {outputs, inputs, kernel, kernel});
    for (const char* const end : {".weight", ".bias", ".running_mean", ".running_var"}) add(norm + end, {outputs});
    add(norm + ".num_batches_tracked", {}, element_type::int64);
  }

  /// -1 to 1, and 0.01 to 1 of variances.
  static float value(std::string_view name, std::size_t i) {
    std::uint32_t h = 2166136261u;
    for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
    h = (h + static_cast<std::uint32_t>(i)) * 2654435761u;
    h = (h ^ h >> 15) * 2246822519u;
    const float u = static_cast<float>(h >> 8) / (1 << 24);
    return name.ends_with("running_var") ? 0.01f + 0.99f * u : 2 * u - 1;
  }

  bool has_values() const override { return true; }
  void read(const tensor_info& tensor, std::span<std::byte> out) const override {
    for (std::size_t i = 0; i < tensor.elements(); ++i) {
      const float single = value(tensor.name, i);
      const double wide = large ? 1e300 : double{single};
      const std::size_t size = element_size(tensor.type);
      if (tensor.type == element_type::float64) std::memcpy(out.data() + i * size, &wide, size);
      if (tensor.type == element_type::float32) std::memcpy(out.data() + i * size, &single, size);
    }
  }

  /// Float64s are beyond float32.
  bool large = false;
};

/// torchvision's mobilenet_v2 (width_mult 1).
inline made_tensors mobilenet_v2_tensors() {
  struct stage {
    int widening, channels, blocks;
  };
  constexpr stage stages[] = {{1, 16, 1}, {6, 24, 2}, {6, 32, 3}, {6, 64, 4}, {6, 96, 3}, {6, 160, 3}, {6, 320, 1}};
  made_tensors all;
  all.convolution("features.0.0", "features.0.1", 32, 3, 3);
  int number = 1, inputs = 32;
  for (const stage& s : stages)
    for (int b = 0; b < s.blocks; ++b, ++number) {
      const std::string at = "features." + std::to_string(number) + ".conv.";
      const int wide = inputs * s.widening;
      int part = 0;
      if (s.widening != 1) all.convolution(at + "0.0", at + "0.1", wide, inputs, 1), ++part;
      const std::string depthwise = at + std::to_string(part);
      all.convolution(depthwise + ".0", depthwise + ".1", wide, 1, 3);
      all.convolution(at + std::to_string(part + 1), at + std::to_string(part + 2), s.channels, wide, 1);
      inputs = s.channels;
    }
  all.convolution("features.18.0", "features.18.1", 1280, 320, 1);
  all.add("classifier.1.weight", {1000, 1280});
  all.add("classifier.1.bias", {1000});
  return all;
}

/// torchvision's resnet50, ... .
inline made_tensors resnet_tensors(const std::array<int, 4>& units) {
  made_tensors all;
  all.convolution("conv1", "bn1", 64, 3, 7);
  int inputs = 64;
  for (int block = 0; block < 4; ++block)
    for (int unit = 0; unit < units[static_cast<std::size_t>(block)]; ++unit) {
      const std::string at = "layer" + std::to_string(block + 1) + "." + std::to_string(unit) + ".";
      const int channels = 64 << block;
      all.convolution(at + "conv1", at + "bn1", channels, inputs, 1);
      all.convolution(at + "conv2", at + "bn2", channels, channels, 3);
      all.convolution(at + "conv3", at + "bn3", 4 * channels, channels, 1);
      if (unit == 0) all.convolution(at + "downsample.0", at + "downsample.1", 4 * channels, inputs, 1);
      inputs = 4 * channels;
    }
  all.add("fc.weight", {1000, 2048});
  all.add("fc.bias", {1000});
  return all;
}

inline checkpoint_reader reader_of(made_tensors tensors) {
  return {"made.pth", "made.pth", checkpoint_format::torch, std::make_shared<const made_tensors>(std::move(tensors))};
}

}  // namespace odt::test
