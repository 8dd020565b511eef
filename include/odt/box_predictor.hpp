// SPDX-License-Identifier: MIT
// Contract: a box predictor adds, for every feature map, the layers that predict box encodings and class logits. It
// knows neither anchors nor losses: it is told how many boxes a cell has and how many classes there are.
#pragma once

#include <odt/core/policy.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/nn/convolution.hpp>
#include <odt/nn/network.hpp>

#include <concepts>
#include <span>
#include <string_view>

namespace odt {

/// The outputs of a network that predicts boxes, by number. Rows are anchors.
enum prediction : int {
  box_encodings,  ///< columns are the box coder's numbers
  class_logits    ///< columns are classes, the background first where there is one
};

/// Required of T: a policy (named as the field of the oneof box_predictor) with `build`, which adds to the network the
/// outputs of `prediction`, one layer a feature map; `boxes_per_cell` has one element a map, `class_slots` counts the
/// background.
template <class T>
concept box_predictor = policy<T> && requires(const T& predictor, network& net, const feature_maps& maps,
                                              std::span<const int> boxes_per_cell, int class_slots) {
  { predictor.build(net, maps, boxes_per_cell, class_slots) } -> std::same_as<void>;
};

/// The outputs, without layers yet, as the API names them.
constexpr void add_predictions(network& net, int code_size, int class_slots) {
  net.outputs.push_back({.name = "box_encodings", .columns = code_size});
  net.outputs.push_back({.name = "class_predictions_with_background", .columns = class_slots});
}

/// Adds the layers that predict from one feature map.
constexpr void add_prediction(network& net, int encodings, int logits) {
  net.outputs[box_encodings].layers.push_back(encodings);
  net.outputs[class_logits].layers.push_back(logits);
}

}  // namespace odt
