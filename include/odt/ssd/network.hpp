// SPDX-License-Identifier: MIT
// From an SSD's choices to its network, and what a person is told of it.
#pragma once

#include <odt/anchor_generator.hpp>
#include <odt/box_coder.hpp>
#include <odt/box_predictor.hpp>
#include <odt/detector.hpp>
#include <odt/exec/step.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/loss.hpp>
#include <odt/matcher.hpp>
#include <odt/nn/lower.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/variable_layout.hpp>
#include <odt/optimizer.hpp>
#include <odt/similarity.hpp>
#include <odt/ssd/options.hpp>

#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace odt {

namespace detail {

/// Boxes of a cell of each feature map; refuses a generator that wants another number of maps.
template <anchor_generator Anchors>
constexpr std::vector<int> boxes_of_maps(std::string_view extractor, const feature_maps& maps, const Anchors& anchors) {
  if (static_cast<int>(maps.size()) != anchors.num_layers())
    fail("feature_extractor ", extractor, " has ", maps.size(), " feature maps, but ", Anchors::name, " wants ",
         anchors.num_layers(), "; they have to be equal");
  std::vector<int> boxes;
  for (int i = 0; i < anchors.num_layers(); ++i) boxes.push_back(anchors.boxes_per_cell(i));
  return boxes;
}

}  // namespace detail

/// Image to predictions: the extractor's layers, then the predictor's heads on each of its feature maps.
template <feature_extractor Extractor, box_predictor Predictor, anchor_generator Anchors>
constexpr network ssd_network(const Extractor& extractor, const Predictor& predictor, const Anchors& anchors,
                              int class_slots) {
  network net;
  const feature_maps maps = extractor.build(net, 0);
  const std::vector<int> boxes = detail::boxes_of_maps(Extractor::name, maps, anchors);
  predictor.build(net, maps, boxes, class_slots);
  return net;
}

template <class Axes>
constexpr network ssd_options<Axes>::default_network(int num_classes) {
  using std::get;
  return ssd_network(get<0>(choice_of<typename Axes::feature_extractor>{}),
                     get<0>(choice_of<typename Axes::box_predictor>{}),
                     get<0>(choice_of<typename Axes::anchor_generator>{}), num_classes + 1);
}

/// The same from the options' choices. As in the API, freeze_batchnorm acts only on a base that keeps its own
/// hyperparameters: conv_hyperparams have their say on training wherever they apply.
template <class Axes>
network ssd_network(const ssd_options<Axes>& o) {
  network net;
  const feature_maps maps =
      std::visit([&net](const auto& extractor) { return extractor.build(net, 0); }, o.feature_extractor);
  const std::vector<int> boxes = std::visit(
      [&](const auto& anchors) { return detail::boxes_of_maps(name_of(o.feature_extractor), maps, anchors); },
      o.anchor_generator);
  std::visit(
      [&](const auto& predictor) {
        predictor.build(net, maps, boxes, o.num_classes + (o.loss.add_background_class ? 1 : 0));
      },
      o.box_predictor);
  std::visit(
      [&net]<class Coder>(const Coder&) {
        if (const int size = net.outputs[box_encodings].columns; size != Coder::code_size)
          fail("box_coder ", Coder::name, " codes a box by ", Coder::code_size, " numbers, but the box predictor's ",
               "box_code_size is ", size, "; they have to be equal");
      },
      o.box_coder);
  if (o.freeze_batchnorm)
    for (layer& l : net.layers) l.norm.train = l.norm.train && !l.norm.freezable;
  return net;
}

namespace detail {

/// One readable message for each axis that holds something else than its contract's policies.
template <class A>
constexpr bool fits_ssd() {
  static_assert(
      all_fit<typename A::feature_extractor>([]<class P>(std::type_identity<P>) { return feature_extractor<P>; }),
      "odt::ssd: FeatureExtractor has to be a policy of feature_extractor.hpp, or any_of several");
  static_assert(all_fit<typename A::box_coder>([]<class P>(std::type_identity<P>) { return box_coder<P>; }),
                "odt::ssd: BoxCoder has to be a policy of box_coder.hpp, or any_of several");
  static_assert(all_fit<typename A::matcher>([]<class P>(std::type_identity<P>) { return matcher<P>; }),
                "odt::ssd: Matcher has to be a policy of matcher.hpp, or any_of several");
  static_assert(all_fit<typename A::optimizer>([]<class P>(std::type_identity<P>) { return optimizer<P>; }),
                "odt::ssd: Optimizer has to be a policy of optimizer.hpp, or any_of several");
  static_assert(
      all_fit<typename A::classification_loss>([]<class P>(std::type_identity<P>) { return classification_loss<P>; }),
      "odt::ssd: the classification loss has to be one of losses/ for classes, or any_of several");
  static_assert(
      all_fit<typename A::localization_loss>([]<class P>(std::type_identity<P>) { return localization_loss<P>; }),
      "odt::ssd: the localization loss has to be one of losses/ for boxes, or any_of several");
  static_assert(all_fit<typename A::box_predictor>([]<class P>(std::type_identity<P>) { return box_predictor<P>; }),
                "odt::ssd: BoxPredictor has to be a policy of box_predictor.hpp, or any_of several");
  static_assert(
      all_fit<typename A::anchor_generator>([]<class P>(std::type_identity<P>) { return anchor_generator<P>; }),
      "odt::ssd: AnchorGenerator has to be a policy of anchor_generator.hpp, or any_of several");
  static_assert(
      all_fit<typename A::anchor_generator>([]<class P>(std::type_identity<P>) { return !requires { P::in_pixels; }; }),
      "odt::ssd: AnchorGenerator has to give normalized anchors; this one gives pixels");
  static_assert(all_fit<typename A::similarity>([]<class P>(std::type_identity<P>) { return similarity<P>; }),
                "odt::ssd: Similarity has to be a policy of similarity.hpp, or any_of several");
  return true;
}

/// "ssd<ssd_mobilenet_v1 | ssd_inception_v2, ...>"
template <class A>
std::string axes_name() {
  return str("ssd<", join(names_of<typename A::feature_extractor>, " | "), ", ",
             join(names_of<typename A::box_coder>, " | "), ", ", join(names_of<typename A::matcher>, " | "), ", ",
             join(names_of<typename A::optimizer>, " | "), ">");
}

/// Why a pipeline does not ask for this detector; empty when it does.
template <class A>
std::string ssd_mismatch(const settings& root) {
  const settings* meta = find_message(root, "model.ssd");
  return meta ? axes_mismatch<ssd_options<A>>(root) : "model: it is not an ssd";
}

}  // namespace detail

}  // namespace odt
