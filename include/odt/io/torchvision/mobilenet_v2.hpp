// SPDX-License-Identifier: MIT
// torchvision's mobilenet_v2 (models/mobilenetv2.py) and slim's MobilenetV2: the same layers in the same order.
#pragma once

#include <odt/io/torchvision/architecture.hpp>

#include <string>
#include <string_view>

namespace odt::torchvision {

struct mobilenet_v2 {
  /// A tensor that every file of it has.
  static constexpr std::string_view mark = "features.1.conv.0.0.weight";

  static architecture of(const tensor_names&) {
    architecture net{"mobilenet_v2", "MobilenetV2", pixel_transform::minus_one_to_one(), 0.001, {}};
    net.layers.push_back({"Conv", "features.0.0", "features.0.1"});
    for (int block = 1; block <= 17; ++block) {
      const std::string here = block == 1 ? "expanded_conv" : str("expanded_conv_", block - 1);
      const std::string there = str("features.", block, ".conv.");
      int part = 0;
      if (block > 1) {  // the first does not widen
        net.layers.push_back({here + "/expand", there + "0.0", there + "0.1"});
        ++part;
      }
      net.layers.push_back({here + "/depthwise", str(there, part, ".0"), str(there, part, ".1"), form::depthwise});
      net.layers.push_back({here + "/project", str(there, part + 1), str(there, part + 2)});
    }
    net.layers.push_back({"Conv_1", "features.18.0", "features.18.1"});
    net.layers.push_back({"Logits/Conv2d_1c_1x1", "classifier.1", "", form::classifier});
    return net;
  }
};

}  // namespace odt::torchvision
