// SPDX-License-Identifier: MIT
// Contract: a backbone adds the layers of a classifier, without its head, behind an input, and names those that others
// may go on from. It knows no detector: its scopes are given, and extra layers and pyramids are necks (neck.hpp).
//
// A backbone is a function of backbones/: endpoints backbones::name(network&, int input, const backbone_spec&).
#pragma once

#include <odt/core/error.hpp>
#include <odt/nn/convolution.hpp>
#include <odt/nn/hyperparams.hpp>
#include <odt/nn/network.hpp>

#include <optional>
#include <string_view>
#include <vector>

namespace odt {

/// What a backbone is told by whoever builds on it.
struct backbone_spec {
  graph_name variables{};   ///< scope of the variables, e.g. "FeatureExtractor/MobilenetV1"
  graph_name operations{};  ///< scope of the operations, e.g. "FeatureExtractor/MobilenetV1/MobilenetV1"
  float depth_multiplier = 1;
  int min_depth = 16;
  bool use_explicit_padding = false;
  std::optional<hyperparams> override_with{};  ///< in place of the backbone's own; none: it keeps its own
};

/// Layers that others may go on from, by the names that the API gives them within their backbone.
class endpoints {
 public:
  constexpr void add(const graph_name& name, int layer) { named_.push_back({name, layer}); }

  /// The layer of that name; another is an error.
  constexpr int at(std::string_view name) const {
    for (const named& one : named_)
      if (one.name == name) return one.layer;
    fail("the backbone has no endpoint \"", name, "\"");
  }

 private:
  struct named {
    graph_name name{};
    int layer = 0;
  };
  std::vector<named> named_;
};

}  // namespace odt
