// SPDX-License-Identifier: MIT
// A variable of a network: what TensorFlow would store under its name.
#pragma once

#include <odt/nn/graph_name.hpp>
#include <odt/nn/initializer.hpp>
#include <odt/nn/regularizer.hpp>

#include <cstdint>
#include <vector>

namespace odt {

/// One entry of the flat store of variables.
struct variable {
  graph_name name{};         ///< as in checkpoints, e.g. "BoxPredictor_0/ClassPredictor/weights"
  std::vector<int> shape{};  ///< weights are HWIO
  std::int64_t offset = 0;   ///< of its first float in the store
  std::int64_t size = 0;     ///< floats
  initializer init{};
  regularizer penalty{};
  float gradient_multiplier = 1;
  bool trainable = true;
};

}  // namespace odt
