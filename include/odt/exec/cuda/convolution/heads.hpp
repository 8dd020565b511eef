// SPDX-License-Identifier: MIT
// Which heads run as one convolution: the two of a feature map, where they read the same through the same window. Their
// columns lie side by side in one product, the encodings' first, each up to a multiple of eight. Needs no CUDA.
#pragma once

#include <odt/nn/network.hpp>

#include <cstddef>
#include <vector>

namespace odt::cuda {

class joint_heads {
 public:
  explicit joint_heads(const network& net) : partner_(static_cast<std::size_t>(net.size()), -1) {
    for (const prediction_head& h : net.heads) {
      const layer &e = net[h.encodings], &c = net[h.logits];
      const bool dense = e.kind == layer_kind::convolution && c.kind == layer_kind::convolution;
      const bool biased = e.variables.biases >= 0 && c.variables.biases >= 0;
      const bool alike = e.inputs == c.inputs && e.kernel_height == c.kernel_height && e.stride == c.stride &&
                         e.kernel_width == c.kernel_width && e.rate == c.rate && e.border == c.border;
      if (!dense || !biased || !alike || h.encodings > h.logits) continue;
      partner_[static_cast<std::size_t>(h.encodings)] = h.logits;
      partner_[static_cast<std::size_t>(h.logits)] = h.encodings;
    }
  }

  /// The head that runs with a layer, or -1.
  int partner(int layer) const { return partner_[static_cast<std::size_t>(layer)]; }
  /// Whether a layer's operations do its partner's too. The logits' do: they are the last forward, when what both write
  /// is in memory, and the first backward.
  bool runs_both(int layer) const { return partner(layer) >= 0 && partner(layer) < layer; }
  /// Whether its partner's operations do a layer's.
  bool run_by_partner(int layer) const { return partner(layer) > layer; }

 private:
  std::vector<int> partner_;  ///< by layer
};

}  // namespace odt::cuda
