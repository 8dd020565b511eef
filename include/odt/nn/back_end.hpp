// SPDX-License-Identifier: MIT
// What lowering asks of who runs its plans. A no is never an error: what an operation cannot do itself becomes another
// pass over memory.
#pragma once

#include <odt/nn/network.hpp>
#include <odt/nn/plan.hpp>

#include <cstdint>

namespace odt {

/// Answers of a back end; those of the defaults every back end can give.
struct back_end {
  /// Whether an operation reads through a pending.
  bool (*can_read)(operation, const pending_place&) = nullptr;
  /// Whether, in evaluation, an operation applies a pending of its output itself, any.
  bool (*can_finish)(layer_kind) = nullptr;
  /// Whether an operation writes rows of the network's outputs.
  bool (*can_output)(layer_kind) = nullptr;
  /// Whether, in evaluation, a depthwise layer is fused with the pointwise one that alone reads its `pixels` outputs.
  bool (*fuses)(const layer& depthwise, std::int64_t pixels) = nullptr;

  constexpr bool reads(operation o, const pending_place& pending) const {
    return pending.none() || !can_read || can_read(o, pending);
  }
  constexpr bool finishes(layer_kind kind) const {
    if (can_finish) return can_finish(kind);
    return kind == layer_kind::convolution || kind == layer_kind::depthwise_convolution;
  }
  constexpr bool writes_outputs(layer_kind kind) const {
    if (can_output) return can_output(kind);
    return kind == layer_kind::convolution;
  }
};

/// Whether a layer has a variable that is trained.
constexpr bool learns(const network& net, int l) {
  for (const int number : net[l].variables.all())
    if (number >= 0 && net.variables[static_cast<std::size_t>(number)].trainable) return true;
  return false;
}

}  // namespace odt
