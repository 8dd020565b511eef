// SPDX-License-Identifier: MIT
// torchvision's resnet50, resnet101 and resnet152 (models/resnet.py) and slim's resnet_v1_50, ...: the same layers, but
// a block halves its size in its first unit there and in its last here.
#pragma once

#include <odt/core/error.hpp>
#include <odt/io/torchvision/architecture.hpp>

#include <array>
#include <string>
#include <string_view>

namespace odt::torchvision {

struct resnet {
  /// A tensor that every file of it has.
  static constexpr std::string_view mark = "layer1.0.conv1.weight";

  static architecture of(const tensor_names& file) {
    const std::array<int, 4> units = units_of(file);
    const int layers = 2 + 3 * (units[0] + units[1] + units[2] + units[3]);
    architecture net{str("resnet", layers), str("resnet_v1_", layers), pixel_transform::subtract_mean(), 1e-5, {}};
    net.layers.push_back({"conv1", "conv1", "bn1"});
    for (int block = 1; block <= 4; ++block)
      for (int unit = 0; unit < units[static_cast<std::size_t>(block - 1)]; ++unit)
        add_unit(net, str("block", block, "/unit_", unit + 1, "/bottleneck_v1/"), str("layer", block, ".", unit, "."));
    net.layers.push_back({"logits", "fc", "", form::classifier});
    return net;
  }

 private:
  static void add_unit(architecture& net, const std::string& here, const std::string& there) {
    if (there.ends_with(".0."))
      net.layers.push_back({here + "shortcut", there + "downsample.0", there + "downsample.1"});
    for (const char* const part : {"1", "2", "3"})
      net.layers.push_back({str(here, "conv", part), str(there, "conv", part), str(there, "bn", part)});
  }

  /// How many units each block has; an error for what is no resnet of 50, 101 or 152 layers.
  static std::array<int, 4> units_of(const tensor_names& file) {
    std::array<int, 4> units{};
    for (std::size_t b = 0; b < 4; ++b)
      while (file.has(str("layer", b + 1, ".", units[b], ".conv1.weight"))) ++units[b];
    if (!file.has("layer1.0.conv3.weight"))
      fail("is a resnet without bottlenecks (18 or 34 layers); 50, 101 and 152 are available");
    if (file.extent("layer1.0.conv2.weight", 0) != 64 || file.extent("layer1.0.conv2.weight", 1) != 64)
      fail("is a ResNeXt or a wide resnet: layer1.0.conv2.weight does not take 64 channels to 64");
    for (const std::array<int, 4>& known : {std::array{3, 4, 6, 3}, std::array{3, 4, 23, 3}, std::array{3, 8, 36, 3}})
      if (units == known) return units;
    fail("is a resnet with ", join(units, ", "), " units in its blocks; 50, 101 and 152 layers are available");
  }
};

}  // namespace odt::torchvision
