// SPDX-License-Identifier: MIT
// Which variables a run trains, chosen by regular expressions on their names as model_main does: a pattern may match
// anywhere in a name.
#pragma once

#include <odt/core/target.hpp>
#include <odt/nn/variables.hpp>

#include <span>
#include <string>
#include <string_view>

namespace odt {

/// Freezes the variables (clears `trainable`) that no pattern of `update_trainable_variables` matches, unless it is
/// empty, and those that a pattern of `freeze_variables` matches. A pattern that is no regular expression is an
/// error; one that matches no variable is warned of.
void select_trainable(std::span<variable> variables, std::span<const std::string> update_trainable_variables,
                      std::span<const std::string> freeze_variables);

/// Sets the gradient multiplier of all biases (".*/biases"); 0 stands for none, as in
/// train_config.bias_grad_multiplier.
inline void multiply_bias_gradients(std::span<variable> variables, float bias_grad_multiplier) {
  if (bias_grad_multiplier == 0) return;
  for (variable& v : variables)
    if (v.name.view().find("/biases") != std::string_view::npos) v.gradient_multiplier = bias_grad_multiplier;
}

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/nn/variable_filter.ipp>
#endif
