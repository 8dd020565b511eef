// SPDX-License-Identifier: MIT
// What the tables of torchvision's networks are made of.
#pragma once

#include <odt/core/pixel_transform.hpp>
#include <odt/core/text.hpp>
#include <odt/io/checkpoint.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::torchvision {

/// How PyTorch stores the weights of a layer, and slim.
enum class form {
  dense,      ///< [outputs, inputs, height, width]; [height, width, inputs, outputs]
  depthwise,  ///< [channels, 1, height, width]; [height, width, channels, 1]
  classifier  ///< [classes, inputs], with biases; [1, 1, inputs, classes]. May be missing
};

/// One layer under both of its names.
struct layer {
  std::string name;   ///< slim's, below the network's scope: "Conv"
  std::string there;  ///< torchvision's: "features.0.0" of "features.0.0.weight"
  std::string norm;   ///< its batch norm: "features.0.1"; empty: none
  form stored = form::dense;
};

/// A network of torchvision's, and where slim differs.
struct architecture {
  std::string name;           ///< "mobilenet_v2"
  std::string scope;          ///< slim's: "MobilenetV2"
  pixel_transform pixels;     ///< what slim's gets of pixels in 0..255
  double epsilon = 0;         ///< of slim's batch norms
  std::vector<layer> layers;  ///< the first reads the image
};

/// The tensors of a file, without what their names begin with ("module.", "backbone.body.").
class tensor_names {
 public:
  tensor_names(const checkpoint_reader& file, std::string prefix) : file_(&file), prefix_(std::move(prefix)) {}

  const std::string& prefix() const { return prefix_; }
  const tensor_info* find(std::string_view name) const { return file_->find(str(prefix_, name)); }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// The extent of a dimension; 0 where there is none.
  std::int64_t extent(std::string_view name, std::size_t dimension) const {
    const tensor_info* const tensor = find(name);
    return tensor && dimension < tensor->shape.size() ? tensor->shape[dimension] : 0;
  }

 private:
  const checkpoint_reader* file_;
  std::string prefix_;
};

}  // namespace odt::torchvision
