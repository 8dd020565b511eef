// SPDX-License-Identifier: MIT
// All run-time choices of an SSD: the policy of every axis with its options, and the numbers of pipeline.config that
// belong to no policy.
#pragma once

#include <odt/core/any_of.hpp>
#include <odt/core/settings.hpp>
#include <odt/detectors/axes.hpp>
#include <odt/detectors/training_options.hpp>
#include <odt/image_resizer.hpp>
#include <odt/nn/network.hpp>
#include <odt/post_processing.hpp>
#include <odt/ssd/loss_options.hpp>

#include <string_view>

namespace odt {

/// What an SSD is made of; see ssd.hpp.
template <class FeatureExtractor, class BoxCoder, class Matcher, class Optimizer, class Losses, class Layout>
struct ssd_axes {
  using feature_extractor = FeatureExtractor;
  using box_coder = BoxCoder;
  using matcher = Matcher;
  using optimizer = Optimizer;
  using classification_loss = typename Losses::classification;
  using localization_loss = typename Losses::localization;
  using box_predictor = typename Layout::box_predictor;
  using anchor_generator = typename Layout::anchor_generator;
  using similarity = typename Layout::similarity;
};

namespace detail {

/// Refuses a field whose value is not the one that is supported.
template <class T>
void expect_value(const settings& message, std::string_view field, const T& supported) {
  if (message.get<T>(field) != supported)
    fail(message.at(field).where(), message.at(field).text, " is not supported here; it has to be ", supported);
}

}  // namespace detail

/// The defaults are those of the API's sample configs (1917 anchors for 300x300 and so on).
template <class Axes>
struct ssd_options : training_options<typename Axes::optimizer> {
  int num_classes = 90;
  image_resizer resizer = image_resizer::fixed_shape({300, 300});
  choice_of<typename Axes::feature_extractor> feature_extractor;
  choice_of<typename Axes::box_predictor> box_predictor;
  choice_of<typename Axes::anchor_generator> anchor_generator;
  choice_of<typename Axes::box_coder> box_coder;
  choice_of<typename Axes::matcher> matcher;
  choice_of<typename Axes::similarity> similarity;
  choice_of<typename Axes::classification_loss> classification_loss;
  choice_of<typename Axes::localization_loss> localization_loss;
  ssd_loss_options loss;
  post_processing_options post_processing;
  bool freeze_batchnorm = false;

  /// The table of axes; see detectors/axes.hpp.
  static void axes(auto& o, auto&& axis) {
    axis(axis_place{"feature extractor", "model.ssd.feature_extractor", true}, o.feature_extractor);
    axis(axis_place{"box predictor", "model.ssd.box_predictor"}, o.box_predictor);
    axis(axis_place{"anchor generator", "model.ssd.anchor_generator"}, o.anchor_generator);
    axis(axis_place{"box coder", "model.ssd.box_coder"}, o.box_coder);
    axis(axis_place{"matcher", "model.ssd.matcher"}, o.matcher);
    axis(axis_place{"similarity", "model.ssd.similarity_calculator"}, o.similarity);
    axis(axis_place{"classification loss", "model.ssd.loss.classification_loss"}, o.classification_loss);
    axis(axis_place{"localization loss", "model.ssd.loss.localization_loss"}, o.localization_loss);
    axis(ssd_options::optimizer_place, o.optimizer);
  }

  /// The network of the first policies with their default options; defined in ssd/network.hpp.
  static constexpr network default_network(int num_classes);

  /// Reads `model.ssd` and what `train_config` says of the update. Marks what it reads, so that the caller can refuse
  /// the rest.
  static ssd_options from(const settings& root) {
    ssd_options o;
    root.read = true;
    const settings& model = root.at("model");
    if (const settings* chosen = model.chosen(); !chosen || chosen->name != "ssd")
      fail(model.where(), "this is not an ssd model");
    o.read_model(model.at("ssd"));
    read_axes(root, o);
    o.read_training(root);
    return o;
  }

 private:
  void read_model(const settings& ssd) {
    num_classes = ssd.get<int>("num_classes");
    if (num_classes < 1) fail(ssd.at("num_classes").where(), "is ", num_classes, "; a detector needs at least 1 class");
    if (ssd.has("image_resizer")) resizer = image_resizer_from(ssd.at("image_resizer"));
    freeze_batchnorm = ssd.get<bool>("freeze_batchnorm");
    ssd.at("inplace_batchnorm_update").accept();
    detail::expect_value(ssd, "use_confidences_as_targets", false);
    detail::expect_value(ssd, "explicit_background_class", false);
    ssd.at("implicit_example_weight").accept();
    loss = ssd_loss_options::from(ssd);
    if (ssd.has("post_processing"))
      post_processing =
          post_processing_options::from(ssd.at("post_processing"), num_classes + (loss.add_background_class ? 1 : 0));
  }
};

}  // namespace odt
