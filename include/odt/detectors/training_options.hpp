// SPDX-License-Identifier: MIT
// What `train_config` says of a detector's update, whatever the family.
#pragma once

#include <odt/config/learning_rate.hpp>
#include <odt/core/any_of.hpp>
#include <odt/core/settings.hpp>
#include <odt/detectors/axes.hpp>
#include <odt/exec/update.hpp>

#include <string>
#include <vector>

namespace odt {

/// Optimizer is an axis.
template <class Optimizer>
struct training_options {
  choice_of<Optimizer> optimizer;
  learning_rate rate;
  update_options update;
  float bias_grad_multiplier = 0;                       ///< 0: as it is
  std::vector<std::string> freeze_variables;            ///< regular expressions
  std::vector<std::string> update_trainable_variables;  ///< empty: all

  /// The optimizer's line in a family's table of axes.
  static constexpr axis_place optimizer_place{"optimizer", "train_config.optimizer"};

  /// Reads a pipeline's train_config, but for the optimizer, which is an axis.
  void read_training(const settings& root) {
    if (!root.has("train_config")) return;
    const settings& train = root.at("train_config");
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
    if (const settings* chosen = detail::find_choice(root, optimizer_place); chosen && chosen->has("learning_rate"))
      rate = learning_rate_from(chosen->at("learning_rate"));
  }
};

}  // namespace odt
