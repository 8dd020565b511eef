// SPDX-License-Identifier: MIT
// What a variable adds to the loss: weight * sum|w| (L1) or weight * sum(w^2) / 2 (L2), as TensorFlow's slim.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/settings.hpp>

#include <cstdint>

namespace odt {

enum class penalty_kind : std::uint8_t { none, l1, l2 };

struct regularizer {
  penalty_kind kind = penalty_kind::none;
  float weight = 0;

  static constexpr regularizer l1(float weight) { return {penalty_kind::l1, weight}; }
  static constexpr regularizer l2(float weight) { return {penalty_kind::l2, weight}; }
};

/// Reads a `regularizer` message (l1_regularizer or l2_regularizer); a zero weight is no regularizer at all.
inline regularizer regularizer_from(const settings& message) {
  const settings* chosen = message.chosen();
  if (!chosen) fail(message.where(), "names no regularizer; there are l1_regularizer, l2_regularizer");
  const auto weight = chosen->get<float>("weight");
  if (weight == 0) return {};
  if (chosen->name == "l1_regularizer") return regularizer::l1(weight);
  if (chosen->name == "l2_regularizer") return regularizer::l2(weight);
  fail(chosen->where(), "is not available; there are l1_regularizer, l2_regularizer");
}

}  // namespace odt
