// SPDX-License-Identifier: MIT
// The two-stage detector of the train step's benchmark and the models it takes, of the API's sample configs. Their
// twins in PyTorch are bench/peers/torch_models/two_stage.py.
#pragma once

#include <odt/core/text.hpp>
#include <odt/faster_rcnn.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace odt::bench {

using two_stage_detector =
    odt::faster_rcnn<odt::any_of<odt::faster_rcnn_resnet50, odt::faster_rcnn_resnet101, odt::faster_rcnn_inception_v2>,
                     odt::faster_rcnn_box_coder, odt::argmax_matcher, odt::momentum,
                     odt::faster_rcnn_losses<odt::weighted_softmax>,
                     odt::faster_rcnn_layout<odt::mask_rcnn_box_predictor>>;

/// What a sample config chooses.
struct two_stage_model {
  std::string_view name;
  void (*choose)(two_stage_detector::options&);
};

inline constexpr int short_side = 600;  ///< of their images

inline constexpr two_stage_model two_stage_models[] = {
    {odt::faster_rcnn_resnet50::name, [](auto& o) { o.feature_extractor = odt::faster_rcnn_resnet50{}; }},
    {odt::faster_rcnn_resnet101::name, [](auto& o) { o.feature_extractor = odt::faster_rcnn_resnet101{}; }},
    {odt::faster_rcnn_inception_v2::name, [](auto& o) { o.feature_extractor = odt::faster_rcnn_inception_v2{}; }},
};

/// For people.
inline std::string two_stage_model_names() {
  std::vector<std::string_view> names;
  for (const two_stage_model& m : two_stage_models) names.push_back(m.name);
  return odt::join(names, ", ");
}

/// The model of that name; null: there is none.
inline const two_stage_model* find_two_stage_model(std::string_view name) {
  const auto found = std::ranges::find(two_stage_models, name, &two_stage_model::name);
  return found == std::ranges::end(two_stage_models) ? nullptr : found;
}

/// The sample config's losses and post-processing; gradients are clipped, and nothing is averaged.
inline two_stage_detector::options options_of(const two_stage_model& model, int num_classes) {
  two_stage_detector::options o;
  o.num_classes = num_classes;
  o.loss.first.localization_loss_weight = o.loss.second.localization_loss_weight = 2;
  o.post_processing.suppression.max_total_detections = 300;
  o.update.clip_norm = 10;
  o.update.average = false;
  model.choose(o);
  return o;
}

}  // namespace odt::bench
