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

/// Whether every policy of an axis satisfies a contract, given as a lambda over std::type_identity.
template <class Axis, class Contract>
constexpr bool all_fit(Contract contract) {
  return [&]<class... P>(std::type_identity<std::variant<P...>>) {
    return (contract(std::type_identity<P>{}) && ...);
  }(std::type_identity<choice_of<Axis>>{});
}

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

/// Why a pipeline does not ask for this detector; empty when it does. Looks only at the axes' names.
template <class A>
std::string axes_mismatch(const settings& root) {
  const settings* model = root.find("model");
  const settings* meta = model ? model->find("ssd") : nullptr;
  if (!meta || !meta->set) return "model: it is not an ssd";
  std::string why;
  const auto compare = [&](const settings* message, std::string_view chosen, const auto& names) {
    if (!why.empty() || !message || chosen.empty() || std::ranges::find(names, chosen) != names.end()) return;
    why = str(message->path, ": \"", chosen, "\" is not available; this program has ", join(names, ", "));
  };
  const auto oneof = [&](std::string_view field, const auto& names) {
    const settings* message = meta->find(field);
    if (!message || !message->set) return;
    for (const settings& child : message->children)
      if (child.set && child.message) compare(message, child.name, names);
  };
  if (const settings* extractor = meta->find("feature_extractor"); extractor && extractor->set)
    if (const settings* type = extractor->find("type"))
      compare(type, type->text, names_of<typename A::feature_extractor>);
  oneof("box_coder", names_of<typename A::box_coder>);
  oneof("matcher", names_of<typename A::matcher>);
  oneof("similarity_calculator", names_of<typename A::similarity>);
  oneof("box_predictor", names_of<typename A::box_predictor>);
  oneof("anchor_generator", names_of<typename A::anchor_generator>);
  if (const settings* train = root.find("train_config"); train && train->set)
    if (const settings* message = train->find("optimizer"); message && message->set)
      for (const settings& child : message->children)
        if (child.set && child.message) compare(message, child.name, names_of<typename A::optimizer>);
  if (const settings* losses = meta->find("loss"); losses && losses->set)
    for (const settings& which : losses->children) {
      if (!which.set) continue;
      for (const settings& child : which.children) {
        if (!child.set || !child.message) continue;
        if (which.name == "classification_loss") compare(&which, child.name, names_of<typename A::classification_loss>);
        if (which.name == "localization_loss") compare(&which, child.name, names_of<typename A::localization_loss>);
      }
    }
  return why;
}

/// Options in one line: "depth_multiplier 1, min_depth 16, fpn [min_level 3, max_level 7]".
template <class Options>
std::string options_line(const Options& options) {
  std::string line;
  const auto add = [&line](const auto&... parts) { line += str(line.empty() ? "" : ", ", parts...); };
  Options::fields(options, [&add](std::string_view name, const auto& value) {
    using value_type = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_arithmetic_v<value_type>) {
      add(name, " ", value);
    } else if constexpr (requires {
                           value.begin();
                           value.size();
                         }) {
      if (value.size() > 0) add(name, " [", join(value, ", "), "]");
    } else if constexpr (requires { value_type::fields(value, any_field{}); }) {
      if (const std::string inner = options_line(value); !inner.empty()) add(name, " [", inner, "]");
    }
  });
  return line;
}

/// The table of `odt inspect`.
template <class Axes>
detector_description describe_ssd(const ssd_options<Axes>& o, const network& net, const variable_layout& layout,
                                  int batch_size, size2 image_size) {
  detector_description d;
  const auto part = [&d](std::string what, const auto& choice) {
    std::visit(
        [&](const auto& policy) {
          d.parts.push_back({std::move(what), std::string(policy.name), options_line(policy.opts)});
        },
        choice);
  };
  part("feature extractor", o.feature_extractor);
  part("box predictor", o.box_predictor);
  part("anchor generator", o.anchor_generator);
  part("box coder", o.box_coder);
  part("matcher", o.matcher);
  part("similarity", o.similarity);
  part("classification loss", o.classification_loss);
  part("localization loss", o.localization_loss);
  part("optimizer", o.optimizer);
  d.parameters = parameter_count(net);
  d.multiply_adds = multiply_adds(net, image_size);
  d.anchors = anchor_count(net, image_size);
  d.step_bytes = peak_bytes(lower(net, batch_size, image_size, run_mode::train));
  const int slots = std::visit([](const auto& how) { return static_cast<int>(how.slots.size()); }, o.optimizer) +
                    (o.update.average ? 1 : 0);
  d.variable_bytes = (layout.floats + layout.trainable_floats * (1 + slots)) * std::int64_t{sizeof(float)};
  return d;
}

}  // namespace detail

}  // namespace odt
