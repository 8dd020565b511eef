// SPDX-License-Identifier: MIT
// The detector of the train step's benchmarks and the models it takes: SSDs of the API's sample configs. Their twins in
// PyTorch are bench/peers/torch_models/.
#pragma once

#include <odt/core/text.hpp>
#include <odt/presets.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odt::bench {

using detector = odt::ssd<odt::presets::ssd_feature_extractors, odt::faster_rcnn_box_coder, odt::argmax_matcher,
                          odt::momentum, odt::ssd_losses<>, odt::presets::ssd_layouts>;
using options = detector::options;

/// What a sample config chooses.
struct sample_model {
  std::string_view name;
  int image_size;  ///< side of its images; 320 in place of 640
  void (*choose)(options&);
};

namespace detail {

constexpr odt::hard_example_miner miner(int min_negatives) {
  return {3000, 0.99f, odt::mining_loss::classification, 3, min_negatives};
}

/// What the pyramids' configs say in every `conv_hyperparams`, but for the initializer.
inline odt::hyperparams pyramid_hyperparams(const odt::initializer& weights) {
  return {.weights = weights,
          .penalty = odt::regularizer::l2(0.0004f),
          .act = odt::activation::relu_6,
          .has_batch_norm = true,
          .norm = {.decay = 0.997f, .scale = true, .epsilon = 0.001f}};
}

/// MobileNet v2 with the extra layers and heads of SSD, or the separable ones of SSDLite.
inline void choose_mobilenet_v2(options& o, bool separable) {
  odt::mobilenet_v2 extractor;
  extractor.opts.use_depthwise = separable;
  odt::convolutional_box_predictor heads;
  heads.opts.use_depthwise = separable;
  heads.opts.kernel_size = separable ? 3 : 1;
  o.feature_extractor = extractor;
  o.box_predictor = heads;
  o.loss.miner = miner(3);
}

/// RetinaNet: a pyramid under shared towers, anchors of octaves, and the focal loss of all anchors.
template <class Extractor>
void choose_pyramid(options& o, int depth, bool separable) {
  Extractor extractor;
  extractor.opts.use_depthwise = separable;
  extractor.opts.fpn.additional_layer_depth = depth;
  extractor.opts.conv_hyperparams = pyramid_hyperparams(odt::initializer::truncated_normal(0.03f));
  odt::weight_shared_convolutional_box_predictor heads;
  heads.opts.depth = depth;
  heads.opts.use_depthwise = heads.opts.share_prediction_tower = separable;
  heads.opts.conv_hyperparams = pyramid_hyperparams(odt::initializer::random_normal(0.01f));
  o.feature_extractor = extractor;
  o.box_predictor = heads;
  o.anchor_generator = odt::multiscale_anchor_generator{};
  o.classification_loss = odt::weighted_sigmoid_focal{{.alpha = 0.25f}};
  o.loss.encode_background_as_zeros = o.loss.normalize_loc_loss_by_codesize = true;
  o.loss.miner.reset();
}

/// A pooling pyramid under one shared 1x1 layer.
inline void choose_pooling_pyramid(options& o) {
  odt::weight_shared_convolutional_box_predictor heads;
  heads.opts.depth = 512;
  heads.opts.num_layers_before_predictor = heads.opts.kernel_size = 1;
  heads.opts.share_prediction_tower = true;
  odt::ssd_anchor_generator anchors;
  anchors.opts.reduce_boxes_in_lowest_layer = false;
  o.feature_extractor = odt::mobilenet_v1_ppn{};
  o.box_predictor = heads;
  o.anchor_generator = anchors;
}

inline void choose_inception_v2(options& o) {
  odt::convolutional_box_predictor heads;
  heads.opts.kernel_size = 3;
  o.feature_extractor = odt::inception_v2{};
  o.box_predictor = heads;
}

}  // namespace detail

inline constexpr sample_model sample_models[] = {
    {"ssd_mobilenet_v1", 300, [](options&) {}},
    {"ssd_inception_v2", 300, detail::choose_inception_v2},
    {"ssd_mobilenet_v2", 300, [](options& o) { detail::choose_mobilenet_v2(o, false); }},
    {"ssdlite_mobilenet_v2", 300, [](options& o) { detail::choose_mobilenet_v2(o, true); }},
    {"ssd_mobilenet_v1_fpn", 320, [](options& o) { detail::choose_pyramid<odt::mobilenet_v1_fpn>(o, 256, false); }},
    {"ssd_mobilenet_v2_fpnlite", 320, [](options& o) { detail::choose_pyramid<odt::mobilenet_v2_fpn>(o, 128, true); }},
    {"ssd_resnet50_v1_fpn", 320, [](options& o) { detail::choose_pyramid<odt::resnet50_v1_fpn>(o, 256, false); }},
    {"ssd_mobilenet_v1_ppn", 300, detail::choose_pooling_pyramid},
};

/// For people: "ssd_mobilenet_v1, ssd_inception_v2, ...".
inline std::string model_names() {
  std::vector<std::string_view> names;
  for (const sample_model& m : sample_models) names.push_back(m.name);
  return odt::join(names, ", ");
}

/// The model of that name; another is an error that tells those there are.
inline const sample_model& find_model(std::string_view name) {
  const auto found = std::ranges::find(sample_models, name, &sample_model::name);
  if (found == std::ranges::end(sample_models))
    odt::fail("--model ", name, " is not available; there are ", model_names());
  return *found;
}

/// The sample config's choices, losses and post-processing; gradients are clipped, and nothing is averaged.
inline options options_of(const sample_model& model, int num_classes, int image_size) {
  options o;
  o.num_classes = num_classes;
  o.resizer = odt::image_resizer::fixed_shape({image_size, image_size});
  o.loss.miner = detail::miner(0);
  o.post_processing.converter = odt::score_converter::sigmoid;
  o.post_processing.suppression.score_threshold = 1e-8f;
  o.update.clip_norm = 10;
  o.update.average = false;
  model.choose(o);
  return o;
}

}  // namespace odt::bench
