// SPDX-License-Identifier: MIT
// Contract: a box predictor adds, for every feature map, the layers that predict box encodings and class logits. It
// knows neither anchors nor losses: it is told how many boxes a cell has and how many classes there are.
#pragma once

#include <odt/core/policy.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/nn/network.hpp>

#include <concepts>
#include <span>
#include <string_view>

namespace odt {

/// Required of T: a policy (named as the field of the oneof box_predictor) with `build`, which adds to
/// the network one prediction_head a feature map; `boxes_per_cell` has one element a map, `class_slots` counts the
/// background.
template <class T>
concept box_predictor = policy<T> && requires(const T& predictor, network& net, const feature_maps& maps,
                                              std::span<const int> boxes_per_cell, int class_slots) {
  { predictor.build(net, maps, boxes_per_cell, class_slots) } -> std::same_as<void>;
};

}  // namespace odt
