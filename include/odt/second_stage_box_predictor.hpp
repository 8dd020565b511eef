// SPDX-License-Identifier: MIT
// Contract: what a two-stage detector's second stage predicts of each proposed box: for every class where the box
// really is, a logit a class, and, if asked, masks. It knows neither anchors nor losses.
#pragma once

#include <odt/core/policy.hpp>
#include <odt/nn/convolution.hpp>
#include <odt/nn/network.hpp>

#include <concepts>
#include <string_view>

namespace odt {

/// The outputs of a two-stage network, by number. Rows of the first two are anchors, of the others boxes of the second
/// stage; masks have a row a pixel.
enum two_stage_prediction : int {
  rpn_box_encodings,
  rpn_objectness,         ///< columns: background, object
  refined_box_encodings,  ///< columns: the box coder's numbers of each class, or once for all
  class_predictions,      ///< columns are classes, the background first
  training_masks,         ///< columns: classes, or one for all
  detection_masks         ///< the same for detections, in inference
};

/// Layers that a second stage predicts from.
struct second_stage_features {
  int map = 0;    ///< of each crop; or, where the predictor crops itself, of the whole image
  int boxes = 0;  ///< regions
};

/// The layers of a second stage's predictions.
struct second_stage_heads {
  int encodings = 0;
  int logits = 0;
};

/// Required of T: a policy (named as the field of the oneof box_predictor); `crops_first`, whether it predicts from
/// crops rather than crops its own maps; `shares_boxes`, whether a proposal has one box for all classes;
/// `predicts_masks`; and `build`, which adds the heads behind the features.
template <class T>
concept second_stage_box_predictor =
    policy<T> && requires(const T& predictor, network& net, const second_stage_features& from, int classes) {
      { T::crops_first } -> std::convertible_to<bool>;
      { predictor.shares_boxes() } -> std::same_as<bool>;
      { predictor.predicts_masks() } -> std::same_as<bool>;
      { predictor.build(net, from, classes) } -> std::same_as<second_stage_heads>;
    };

}  // namespace odt
