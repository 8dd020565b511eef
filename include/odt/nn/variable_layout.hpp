// SPDX-License-Identifier: MIT
// Places all variables of a network in one flat store of floats: trainable ones first, in the order in which backward
// finishes their gradients, then the moving averages of batch norm. Gradients, slots and averages are parallel stores.
#pragma once

#include <odt/nn/network.hpp>

#include <cstdint>
#include <vector>

namespace odt {

/// Offsets of a layer's variables in the store; -1 where the layer has none of the kind.
struct layer_variables_place {
  std::int64_t weights = -1;
  std::int64_t biases = -1;
  std::int64_t gamma = -1;
  std::int64_t beta = -1;
  std::int64_t moving_mean = -1;
  std::int64_t moving_variance = -1;
};

struct variable_layout {
  std::vector<variable> variables;            ///< with their offsets; by falling layer, trainable ones first
  std::vector<layer_variables_place> layers;  ///< by layer of the network
  std::int64_t trainable_floats = 0;          ///< length of the trainable part, padding included
  std::int64_t floats = 0;                    ///< length of the store
};

/// Lays out the variables of a network, each at a multiple of 16 floats (a cache line).
inline variable_layout lay_out(const network& net) {
  variable_layout layout;
  layout.layers.resize(static_cast<std::size_t>(net.size()));
  const auto place = [&](bool trainable) {
    for (int i = net.size() - 1; i >= 0; --i) {
      layer_variables_place& own = layout.layers[static_cast<std::size_t>(i)];
      for (variable& v : layer_variables(net, net[i])) {
        if (v.trainable != trainable) continue;
        v.offset = layout.floats;
        const auto ends_with = [&v](std::string_view suffix) { return v.name.view().ends_with(suffix); };
        (ends_with("/gamma")             ? own.gamma
         : ends_with("/beta")            ? own.beta
         : ends_with("/biases")          ? own.biases
         : ends_with("/moving_mean")     ? own.moving_mean
         : ends_with("/moving_variance") ? own.moving_variance
                                         : own.weights) = v.offset;
        layout.floats += (v.size + 15) / 16 * 16;
        layout.variables.push_back(std::move(v));
      }
    }
  };
  place(true);
  layout.trainable_floats = layout.floats;
  place(false);
  return layout;
}

}  // namespace odt
