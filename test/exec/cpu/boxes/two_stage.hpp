// SPDX-License-Identifier: MIT
// Arrays of a two-stage detector's boxes, and the views of them that the functions take.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/matchers/argmax.hpp>

#include <boxes.hpp>

#include <vector>

namespace odt::test {

/// The matchers that the API fixes for the two stages.
inline argmax_matcher anchor_matcher() {
  return {{.matched_threshold = 0.7f, .unmatched_threshold = 0.3f, .force_match_for_each_row = true}};
}
inline argmax_matcher proposal_matcher() { return {{.matched_threshold = 0.5f, .unmatched_threshold = 0.5f}}; }

struct truth_memory {
  int size = 0, max_boxes = 0;
  std::vector<int> counts, classes;
  std::vector<boxf> boxes;
  std::vector<float> weights;

  ground_truth view() const { return {size, max_boxes, counts.data(), boxes.data(), classes.data(), weights.data()}; }
};

/// Of a case of units/detectors: in pixels, classes as one-hot rows with the background.
inline truth_memory truth_of(const golden_case& c) {
  const auto& in = c.content["inputs"];
  truth_memory t;
  t.size = static_cast<int>(in["groundtruth_boxes"].size());
  t.max_boxes = 16;
  const auto slots = static_cast<std::size_t>(t.size * t.max_boxes);
  t.classes.resize(slots), t.boxes.resize(slots), t.weights.resize(slots);
  for (std::size_t image = 0; image < static_cast<std::size_t>(t.size); ++image) {
    const auto boxes = to_boxes(c.to_array(in["groundtruth_boxes"][image]));
    const array one_hot = c.to_array(in["groundtruth_classes_with_background"][image]);
    const array weights = c.to_array(in["groundtruth_weights"][image]);
    const std::size_t columns = one_hot.size() / boxes.size();
    t.counts.push_back(static_cast<int>(boxes.size()));
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const std::size_t at = image * 16 + i;
      t.boxes[at] = boxes[i];
      t.weights[at] = static_cast<float>(weights[i]);
      for (std::size_t k = 1; k < columns; ++k)
        if (one_hot[i * columns + k] > 0) t.classes[at] = static_cast<int>(k) - 1;
    }
  }
  return t;
}

struct targets_memory {
  std::vector<int> match, classes;
  std::vector<float> class_weights, regression, regression_weights;

  explicit targets_memory(std::size_t rows)
      : match(rows), classes(rows), class_weights(rows), regression(4 * rows), regression_weights(rows) {}
  assigned_targets view() {
    return {match.data(), classes.data(), class_weights.data(), regression.data(), regression_weights.data()};
  }
};

struct proposals_memory {
  int batch, capacity;
  std::vector<int> counts;
  std::vector<boxf> boxes, normalized;
  std::vector<float> scores;

  /// Filled with what nobody asked for.
  proposals_memory(int images, int most)
      : batch(images),
        capacity(most),
        counts(static_cast<std::size_t>(images), -1),
        boxes(static_cast<std::size_t>(images * most), boxf{9, 9, 9, 9}),
        normalized(boxes),
        scores(boxes.size(), 9) {}
  proposals view() { return {batch, capacity, counts.data(), boxes.data(), normalized.data(), scores.data()}; }
};

struct samples_memory {
  int batch, capacity;
  std::vector<int> counts, indices;

  samples_memory(int images, int most)
      : batch(images),
        capacity(most),
        counts(static_cast<std::size_t>(images)),
        indices(static_cast<std::size_t>(images * most), -1) {}
  samples view() { return {batch, capacity, counts.data(), indices.data()}; }
};

}  // namespace odt::test
