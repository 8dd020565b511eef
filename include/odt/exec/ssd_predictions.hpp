// SPDX-License-Identifier: MIT
// What an SSD predicts for a batch: what its losses and its post-processing read, in a device's memory or the host's.
#pragma once

namespace odt {

struct ssd_predictions {
  int batch = 0;
  int anchors = 0;
  int class_slots = 0;               ///< columns of the logits: classes, and the background if it is there
  const float* encodings = nullptr;  ///< [batch, anchors, code_size]
  const float* logits = nullptr;     ///< [batch, anchors, class_slots]
  bool has_background = true;        ///< column 0 of the logits is the background

  constexpr int classes() const { return class_slots - (has_background ? 1 : 0); }
};

/// Where the gradients of predictions go, in their shapes; null: not wanted.
struct ssd_prediction_gradients {
  float* encodings = nullptr;
  float* logits = nullptr;
};

}  // namespace odt
