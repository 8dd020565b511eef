// SPDX-License-Identifier: MIT
// From a two-stage detector's choices to its network: the map, what proposes boxes, and what looks at them, in one.
#pragma once

#include <odt/anchor_generator.hpp>
#include <odt/box_coder.hpp>
#include <odt/core/any_of.hpp>
#include <odt/detector.hpp>
#include <odt/detectors/axes.hpp>
#include <odt/faster_rcnn/options.hpp>
#include <odt/loss.hpp>
#include <odt/matcher.hpp>
#include <odt/nn/convolution.hpp>
#include <odt/nn/network.hpp>
#include <odt/optimizer.hpp>
#include <odt/second_stage_box_predictor.hpp>
#include <odt/similarity.hpp>
#include <odt/two_stage_feature_extractor.hpp>

#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace odt {

/// What the network's size depends on besides its policies.
struct two_stage_sizes {
  int classes = 90;
  int stages = 2;
  region_capacity proposals{64, 300};  ///< of an image
  int detections = 100;                ///< of an image, whose masks are predicted
  int code_size = 4;
};

namespace detail {

/// Builds the network of one two-stage detector, stage by stage.
template <two_stage_feature_extractor Extractor, second_stage_box_predictor Predictor>
struct two_stage_builder {
  const Extractor& extractor;
  const Predictor& predictor;
  const region_options& regions;
  const two_stage_sizes& sizes;
  network& net;

  constexpr void run(int boxes_per_cell) const {
    const int map = extractor.build_proposal_features(net, 0);
    const second_stage_heads first = propose(map, boxes_per_cell);
    if (sizes.stages < 2) return;
    const int boxes = net.regions({first.encodings, first.logits}, sizes.proposals, "proposals");
    const int before = net.size();
    const int features = extractor.build_classifier_features(net, Predictor::crops_first ? crop(map, boxes) : map);
    const int behind = net.size();
    const second_stage_heads second = predictor.build(net, {features, boxes}, sizes.classes);
    const int columns = (predictor.shares_boxes() ? 1 : sizes.classes) * sizes.code_size;
    net.outputs.push_back({.name = "refined_box_encodings", .columns = columns, .layers = {second.encodings}});
    net.outputs.push_back(
        {.name = "class_predictions_with_background", .columns = sizes.classes + 1, .layers = {second.logits}});
    if constexpr (requires { predictor.build_masks(net, features, 0); })
      if (sizes.stages > 2) predict_masks(second, boxes, features, before, behind);
  }

 private:
  /// The region proposal network.
  constexpr second_stage_heads propose(int map, int boxes_per_cell) const {
    hyperparams h = regions.conv;
    h.act = activation::relu_6;
    const int x = convolve(
        net, map,
        {.scope = "Conv", .channels = regions.depth, .kernel = regions.kernel_size, .rate = regions.atrous_rate}, h);
    h.act = activation::none;
    h.has_batch_norm = h.has_group_norm = false;
    const auto head = [&](const char* scope, const char* name, int columns) {
      const int l = convolve(net, x, {.scope = scope, .channels = boxes_per_cell * columns}, h);
      net.outputs.push_back({.name = name, .columns = columns, .layers = {l}});
      return l;
    };
    const int encodings = head("FirstStageBoxPredictor/BoxEncodingPredictor", "rpn_box_encodings", sizes.code_size);
    return {encodings, head("FirstStageBoxPredictor/ClassPredictor", "rpn_objectness_predictions_with_background", 2)};
  }

  constexpr int crop(int map, int boxes) const {
    const int size = regions.initial_crop_size;
    const int crops = net.crop_and_resize(map, boxes, {size, size}, "CropAndResize/CropAndResize");
    if (regions.maxpool_kernel_size <= 1 && regions.maxpool_stride <= 1) return crops;
    return net.add({.kind = layer_kind::max_pool,
                    .name = "MaxPool2D/MaxPool",
                    .inputs = {crops},
                    .channels = net.channels(crops),
                    .kernel_height = regions.maxpool_kernel_size,
                    .kernel_width = regions.maxpool_kernel_size,
                    .stride = regions.maxpool_stride,
                    .border = padding::valid});
  }

  /// Of the proposals while training; otherwise of the detections, whose crops go through the second stage again. Its
  /// layers are [before, behind).
  constexpr void predict_masks(const second_stage_heads& second, int boxes, int features, int before,
                               int behind) const {
    const int first = net.size();
    const int masks = predictor.build_masks(net, features, sizes.classes);
    add_masks("mask_predictions", masks, output_use::in_training);
    const int last = net.size();
    const int found = net.regions({second.encodings, second.logits}, {0, sizes.detections}, "detections");
    const int found_features = features + net.repeat(before, behind, boxes, found);
    const int found_masks = masks + net.repeat(first, last, features, found_features);
    add_masks("detection_masks", found_masks, output_use::in_inference);
  }

  constexpr void add_masks(const char* name, int layer, output_use use) const {
    net.outputs.push_back({.name = name, .columns = net.channels(layer), .layers = {layer}, .use = use});
  }
};

}  // namespace detail

/// Image to the predictions of both stages, and to masks where there are three.
template <two_stage_feature_extractor Extractor, second_stage_box_predictor Predictor, anchor_generator Anchors>
constexpr network faster_rcnn_network(const Extractor& extractor, const Predictor& predictor, const Anchors& anchors,
                                      const region_options& regions, const two_stage_sizes& sizes) {
  network net;
  detail::two_stage_builder<Extractor, Predictor>{extractor, predictor, regions, sizes, net}.run(
      anchors.boxes_per_cell(0));
  return net;
}

template <class Axes>
constexpr network faster_rcnn_options<Axes>::default_network(int num_classes) {
  using std::get;
  return faster_rcnn_network(
      get<0>(choice_of<typename Axes::feature_extractor>{}), get<0>(choice_of<typename Axes::box_predictor>{}),
      get<0>(choice_of<typename Axes::anchor_generator>{}), region_options{}, {.classes = num_classes});
}

/// The same from the options' choices.
template <class Axes>
network faster_rcnn_network(const faster_rcnn_options<Axes>& o) {
  two_stage_sizes sizes{.classes = o.num_classes,
                        .stages = o.number_of_stages,
                        .proposals = {o.loss.second_stage_proposals(true), o.loss.second_stage_proposals(false)},
                        .detections = o.post_processing.suppression.max_total_detections};
  return std::visit(
      [&](const auto& extractor, const auto& predictor, const auto& anchors, const auto& coder) {
        sizes.code_size = std::remove_cvref_t<decltype(coder)>::code_size;
        if (predictor.opts.box_code_size != sizes.code_size)
          fail("box_coder ", coder.name, " codes a box by ", sizes.code_size, " numbers, but box_code_size is ",
               predictor.opts.box_code_size, "; they have to be equal");
        return faster_rcnn_network(extractor, predictor, anchors, o.regions, sizes);
      },
      o.feature_extractor, o.box_predictor, o.anchor_generator, o.box_coder);
}

namespace detail {

/// One readable message for each axis that holds something else than its contract's policies.
template <class A>
constexpr bool fits_faster_rcnn() {
  static_assert(all_fit<typename A::feature_extractor>(
                    []<class P>(std::type_identity<P>) { return two_stage_feature_extractor<P>; }),
                "odt::faster_rcnn: FeatureExtractor has to be a policy of two_stage_feature_extractor.hpp, or any_of "
                "several");
  static_assert(all_fit<typename A::box_coder>([]<class P>(std::type_identity<P>) { return box_coder<P>; }),
                "odt::faster_rcnn: BoxCoder has to be a policy of box_coder.hpp, or any_of several");
  static_assert(matcher<typename A::matcher>, "odt::faster_rcnn: Matcher has to be a policy of matcher.hpp");
  static_assert(all_fit<typename A::optimizer>([]<class P>(std::type_identity<P>) { return optimizer<P>; }),
                "odt::faster_rcnn: Optimizer has to be a policy of optimizer.hpp, or any_of several");
  static_assert(
      all_fit<typename A::classification_loss>([]<class P>(std::type_identity<P>) { return classification_loss<P>; }),
      "odt::faster_rcnn: the classification loss has to be one of losses/ for classes, or any_of several");
  static_assert(classification_loss<typename A::objectness_loss>,
                "odt::faster_rcnn: the objectness loss has to be one of losses/ for classes");
  static_assert(
      all_fit<typename A::localization_loss>([]<class P>(std::type_identity<P>) { return localization_loss<P>; }),
      "odt::faster_rcnn: the localization loss has to be one of losses/ for boxes, or any_of several");
  static_assert(classification_loss<typename A::mask_loss>,
                "odt::faster_rcnn: the mask loss has to be one of losses/ for classes");
  static_assert(
      all_fit<typename A::box_predictor>([]<class P>(std::type_identity<P>) { return second_stage_box_predictor<P>; }),
      "odt::faster_rcnn: BoxPredictor has to be a policy of second_stage_box_predictor.hpp, or any_of several");
  static_assert(
      all_fit<typename A::anchor_generator>([]<class P>(std::type_identity<P>) { return requires { P::in_pixels; }; }),
      "odt::faster_rcnn: AnchorGenerator has to give anchors in pixels, as grid_anchor_generator does");
  static_assert(all_fit<typename A::similarity>([]<class P>(std::type_identity<P>) { return similarity<P>; }),
                "odt::faster_rcnn: Similarity has to be a policy of similarity.hpp, or any_of several");
  return true;
}

/// The scopes of an extractor's two halves in checkpoints to start from.
template <two_stage_feature_extractor Extractor>
std::vector<feature_extractor_scope> scopes_of(const Extractor& /*extractor*/) {
  feature_extractor_scope first{str(first_stage_scope, "/")}, second{str(second_stage_scope, "/")};
  if constexpr (requires { Extractor::second_stage_in_classifiers; })
    for (const renamed_scope& r : Extractor::second_stage_in_classifiers)
      second.renamed.emplace_back(r.here, r.in_classifiers);
  if constexpr (requires { Extractor::suffix_in_classifiers; })
    first.suffix = second.suffix = Extractor::suffix_in_classifiers;
  return {std::move(first), std::move(second)};
}

/// "faster_rcnn<faster_rcnn_resnet50 | faster_rcnn_resnet101, ...>"
template <class A>
std::string faster_rcnn_name() {
  return str("faster_rcnn<", join(names_of<typename A::feature_extractor>, " | "), ", ",
             join(names_of<typename A::box_coder>, " | "), ", ", A::matcher::name, ", ",
             join(names_of<typename A::optimizer>, " | "), ">");
}

/// Why a pipeline does not ask for this detector; empty when it does.
template <class A>
std::string faster_rcnn_mismatch(const settings& root) {
  return find_message(root, "model.faster_rcnn") ? axes_mismatch<faster_rcnn_options<A>>(root)
                                                 : "model: it is not a faster_rcnn";
}

}  // namespace detail

}  // namespace odt
