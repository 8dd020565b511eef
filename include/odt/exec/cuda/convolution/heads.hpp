// SPDX-License-Identifier: MIT
// Which heads run as one convolution: the two of a feature map, where they read the same through the same window. Their
// columns lie side by side in one product, the encodings' first, each up to a multiple of eight. Needs no CUDA.
#pragma once

#include <odt/nn/back_end.hpp>
#include <odt/nn/network.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace odt::cuda {

class joint_heads {
 public:
  explicit joint_heads(const network& net) : partner_(static_cast<std::size_t>(net.size()), -1) {
    if (net.outputs.size() != 2 || net.outputs[0].use != net.outputs[1].use) return;
    const std::size_t maps = std::min(net.outputs[0].layers.size(), net.outputs[1].layers.size());
    for (std::size_t map = 0; map < maps; ++map) join(net, net.outputs[0].layers[map], net.outputs[1].layers[map]);
  }

  /// The head that runs with a layer, or -1.
  int partner(int layer) const { return partner_[static_cast<std::size_t>(layer)]; }
  /// Whether a layer's operations do its partner's too. The logits' do: they are the last forward, when what both write
  /// is in memory, and the first backward.
  bool runs_both(int layer) const { return partner(layer) >= 0 && partner(layer) < layer; }
  /// Whether its partner's operations do a layer's.
  bool run_by_partner(int layer) const { return partner(layer) > layer; }

 private:
  void join(const network& net, int first, int second) {
    const layer &e = net[first], &c = net[second];
    const bool dense = e.kind == layer_kind::convolution && c.kind == layer_kind::convolution;
    const bool biased = e.variables.biases >= 0 && c.variables.biases >= 0;
    const bool alike = e.inputs == c.inputs && e.kernel_height == c.kernel_height && e.stride == c.stride &&
                       e.kernel_width == c.kernel_width && e.rate == c.rate && e.border == c.border;
    const bool apart = shared(net, first) || shared(net, second) || !read_once(net, first) || !read_once(net, second);
    if (!dense || !biased || !alike || first > second || apart || learns(net, first) != learns(net, second)) return;
    partner_[static_cast<std::size_t>(first)] = second;
    partner_[static_cast<std::size_t>(second)] = first;
  }

  /// Whether a layer is one output and nothing else: only then it writes its rows itself.
  static bool read_once(const network& net, int number) {
    std::ptrdiff_t readers = 0;
    for (const layer& l : net.layers) readers += std::count(l.inputs.begin(), l.inputs.end(), number);
    for (const network_output& o : net.outputs) readers += std::count(o.layers.begin(), o.layers.end(), number);
    return readers == 1;
  }

  /// Whether another layer has the same weights.
  static bool shared(const network& net, int number) {
    for (int i = 0; i < net.size(); ++i)
      if (i != number && net[i].variables.weights == net[number].variables.weights) return true;
    return false;
  }

  std::vector<int> partner_;  ///< by layer
};

}  // namespace odt::cuda
