// SPDX-License-Identifier: MIT
// What an SSD's assignment hands to its losses, in a device's memory.
#pragma once

#include <odt/core/scalar.hpp>
#include <odt/core/target.hpp>

namespace odt {

/// What a batch's anchors are to predict, where it is to be written. Ignored anchors are background with weight 0.
struct assigned_targets {
  int* match = nullptr;                 ///< [batch, anchors] a row, `unmatched` or `ignored`
  int* classes = nullptr;               ///< [batch, anchors] 0: background, else 1 + class
  float* class_weights = nullptr;       ///< [batch, anchors]
  float* regression = nullptr;          ///< [batch, anchors, code_size], zeros where nothing is matched
  float* regression_weights = nullptr;  ///< [batch, anchors]
};

/// The target of a column of the logits, for an anchor (or a vector of them) of that class: 1 in the class' column, and
/// in column 0 for background. (Without a column for the background, column 0 is also that of the first class: the
/// API's labels then begin with background.)
template <class T>
ODT_HD constexpr T class_target(const T& anchor_class, int column, bool background_column, bool background_as_zeros) {
  const int label = column + (background_column ? 0 : 1);
  T target(0.0f);
  if (label > 0) target = select(anchor_class == T(static_cast<float>(label)), T(1.0f), target);
  if (column == 0 && !background_as_zeros) target = select(anchor_class == T(0.0f), T(1.0f), target);
  return target;
}

}  // namespace odt
