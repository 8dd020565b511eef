// SPDX-License-Identifier: MIT
// All run-time choices of an SSD: the policy of every axis with its options, and the numbers of pipeline.config that
// belong to no policy.
#pragma once

#include <odt/config/learning_rate.hpp>
#include <odt/core/any_of.hpp>
#include <odt/core/settings.hpp>
#include <odt/exec/update.hpp>
#include <odt/image_resizer.hpp>
#include <odt/post_processing.hpp>
#include <odt/ssd/loss_options.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
struct ssd_options {
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
  choice_of<typename Axes::optimizer> optimizer;
  ssd_loss_options loss;
  post_processing_options post_processing;
  learning_rate rate;
  update_options update;
  bool freeze_batchnorm = false;
  float bias_grad_multiplier = 0;                       ///< 0: as it is
  std::vector<std::string> freeze_variables;            ///< regular expressions
  std::vector<std::string> update_trainable_variables;  ///< empty: all

  /// Reads `model.ssd` and what `train_config` says of the update. Marks what it reads, so that the caller can refuse
  /// the rest.
  static ssd_options from(const settings& root) {
    ssd_options o;
    root.read = true;
    const settings& model = root.at("model");
    if (const settings* chosen = model.chosen(); !chosen || chosen->name != "ssd")
      fail(model.where(), "this is not an ssd model");
    o.read_model(model.at("ssd"));
    if (root.has("train_config")) o.read_training(root.at("train_config"));
    return o;
  }

 private:
  void read_model(const settings& ssd) {
    num_classes = ssd.get<int>("num_classes");
    if (num_classes < 1) fail(ssd.at("num_classes").where(), "is ", num_classes, "; a detector needs at least 1 class");
    if (ssd.has("image_resizer")) resizer = image_resizer_from(ssd.at("image_resizer"));
    feature_extractor = read_choice_by_type<typename Axes::feature_extractor>(ssd.at("feature_extractor"));
    box_predictor = read_choice<typename Axes::box_predictor>(ssd.at("box_predictor"));
    anchor_generator = read_choice<typename Axes::anchor_generator>(ssd.at("anchor_generator"));
    box_coder = read_choice<typename Axes::box_coder>(ssd.at("box_coder"));
    matcher = read_choice<typename Axes::matcher>(ssd.at("matcher"));
    similarity = read_choice<typename Axes::similarity>(ssd.at("similarity_calculator"));
    freeze_batchnorm = ssd.get<bool>("freeze_batchnorm");
    ssd.at("inplace_batchnorm_update").accept();
    detail::expect_value(ssd, "use_confidences_as_targets", false);
    detail::expect_value(ssd, "explicit_background_class", false);
    ssd.at("implicit_example_weight").accept();
    loss = ssd_loss_options::from(ssd);
    if (ssd.has("loss")) {
      classification_loss = read_choice<typename Axes::classification_loss>(ssd.at("loss").at("classification_loss"));
      localization_loss = read_choice<typename Axes::localization_loss>(ssd.at("loss").at("localization_loss"));
    }
    if (ssd.has("post_processing")) post_processing = post_processing_options::from(ssd.at("post_processing"));
  }

  void read_training(const settings& train) {
    bias_grad_multiplier = train.get<float>("bias_grad_multiplier");
    for (const settings& pattern : train.at("freeze_variables").children)
      freeze_variables.push_back(pattern.as<std::string>());
    for (const settings& pattern : train.at("update_trainable_variables").children)
      update_trainable_variables.push_back(pattern.as<std::string>());
    update.clip_norm = train.get<float>("gradient_clipping_by_norm");
    update.regularize = train.get<bool>("add_regularization_loss");
    if (!train.has("optimizer")) return;
    const settings& message = train.at("optimizer");
    update.average = message.get<bool>("use_moving_average");
    update.average_decay = message.get<float>("moving_average_decay");
    read_optimizer(message);
  }

  /// The oneof of the `optimizer` message, whose chosen policy also holds the learning rate.
  void read_optimizer(const settings& message) {
    for (const settings& child : message.children) {
      if (!child.message || !child.set) continue;
      child.read = true;
      if (std::ranges::find(names_of<typename Axes::optimizer>, child.name) == names_of<typename Axes::optimizer>.end())
        fail(child.where(), "is not available; this program has ", join(names_of<typename Axes::optimizer>, ", "));
      odt::detail::assign_policy(optimizer, child.name, child);
      if (child.has("learning_rate")) rate = learning_rate_from(child.at("learning_rate"));
    }
  }
};

}  // namespace odt
