// SPDX-License-Identifier: MIT
// What the two stages of a detector predict for a batch, and the boxes that pass from the first to the second, in a
// device's memory or the host's. Counts that depend on data are a capacity and a count.
#pragma once

#include <odt/core/box.hpp>

namespace odt {

/// The first stage's, for every anchor of the grid.
struct rpn_predictions {
  int batch = 0;
  int anchors = 0;                    ///< of an image, before any are dropped
  const float* encodings = nullptr;   ///< [batch, anchors, code_size]
  const float* objectness = nullptr;  ///< [batch, anchors, 2] logits; column 0 is the background
};

/// Where the gradients of the first stage's predictions go, in their shapes; null: not wanted.
struct rpn_prediction_gradients {
  float* encodings = nullptr;
  float* objectness = nullptr;
};

/// The second stage's, for every proposal, padding among them.
struct box_classifier_predictions {
  int batch = 0;
  int proposals = 0;                 ///< capacity of an image
  int classes = 0;                   ///< without the background
  bool shared_boxes = false;         ///< one box for all classes
  const float* encodings = nullptr;  ///< [batch, proposals, box_slots(), code_size]
  const float* logits = nullptr;     ///< [batch, proposals, 1 + classes]; column 0 is the background

  constexpr int box_slots() const { return shared_boxes ? 1 : classes; }
  constexpr int class_slots() const { return 1 + classes; }
};

/// Where the gradients of the second stage's predictions go, in their shapes; null: not wanted.
struct box_classifier_gradients {
  float* encodings = nullptr;
  float* logits = nullptr;
};

/// The mask head's, for every proposal.
struct mask_predictions {
  int batch = 0;
  int proposals = 0;  ///< capacity of an image
  int height = 0;     ///< of a mask
  int width = 0;
  int classes = 0;                ///< masks of a proposal; 1: whatever its class
  const float* logits = nullptr;  ///< [batch, proposals, height, width, classes]
};

/// Proposed boxes, best first; those of image i begin at i * capacity. Behind its count, an image has zeros.
struct proposals {
  int batch = 0;
  int capacity = 0;
  int* counts = nullptr;       ///< [batch]
  boxf* boxes = nullptr;       ///< [batch, capacity] in pixels of the network's input
  boxf* normalized = nullptr;  ///< [batch, capacity] to the network's input
  float* scores = nullptr;     ///< [batch, capacity] objectness
};

/// What a sampler took, by rising index; that of image i begins at i * capacity.
struct samples {
  int batch = 0;
  int capacity = 0;
  int* counts = nullptr;   ///< [batch]
  int* indices = nullptr;  ///< [batch, capacity]
};

}  // namespace odt
