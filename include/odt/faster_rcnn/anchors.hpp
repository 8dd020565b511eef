// SPDX-License-Identifier: MIT
// The anchors that a two-stage detector's first stage works with, for images of one size.
#pragma once

#include <odt/exec/anchor_selection.hpp>
#include <odt/faster_rcnn/options.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/shapes.hpp>

#include <variant>
#include <vector>

namespace odt {

/// Of the options' generator over the network's map; see select_anchors. Throws where there are none.
template <class Axes>
anchor_selection select_anchors(const faster_rcnn_options<Axes>& o, const network& net, size2 input, bool trains) {
  const std::vector<size2> maps = feature_map_sizes(net, input);
  const std::vector<boxf> all = std::visit([&](const auto& g) { return g.generate(maps, input); }, o.anchor_generator);
  return select_anchors(all, input, trains, o.loss.first.clip_anchors_to_image);
}

}  // namespace odt
