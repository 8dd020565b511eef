// SPDX-License-Identifier: MIT
// What every device's update is told and tells, whatever the optimizer.
#pragma once

#include <odt/nn/variables.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace odt {

/// `train_config`'s part of the update; the defaults are the sample configs'.
struct update_options {
  float clip_norm = 0;     ///< gradients are scaled down to this global norm; 0: never
  bool regularize = true;  ///< regularizers add to gradients and loss
  bool average = true;     ///< keep moving averages of the variables
  float average_decay = 0.9999f;
};

/// What an update did.
struct update_report {
  double gradient_norm = 0;        ///< global, of the trainable variables, before clipping, regularization included
  double regularization_loss = 0;  ///< of all variables, frozen ones too
  bool finite = true;              ///< false: the norm was not finite, and nothing was changed
};

/// A piece of one variable, small enough that partial sums over it fix the order of all sums.
struct update_piece {
  std::int64_t offset = 0;
  std::int64_t size = 0;  ///< up to the next multiple of a cache line; what pads a variable is zero
  regularizer penalty;
  float gradient_multiplier = 1;
  bool trainable = true;
};

/// Cuts the variables that have gradients (those that lie before `trainable_floats`) into pieces of 16 Ki floats.
inline std::vector<update_piece> cut(std::span<const variable> variables, std::int64_t trainable_floats) {
  constexpr std::int64_t largest = std::int64_t{1} << 14;
  std::vector<update_piece> pieces;
  for (const variable& v : variables) {
    if (v.offset >= trainable_floats) continue;
    const std::int64_t padded = (v.size + 15) / 16 * 16;
    for (std::int64_t at = 0; at < padded; at += largest)
      pieces.push_back({v.offset + at, padded - at < largest ? padded - at : largest, v.penalty, v.gradient_multiplier,
                        v.trainable});
  }
  return pieces;
}

}  // namespace odt
