// SPDX-License-Identifier: MIT
// What a batch's anchors are to predict, in device memory.
#pragma once

#include <odt/core/box.hpp>
#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/machine/scratch.hpp>
#include <odt/exec/ssd_targets.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace odt::cuda {

/// Boxes that are matched, in device memory: the same for all images, or each image's own.
struct matched_boxes {
  const boxf* boxes = nullptr;  ///< [capacity], or [batch, capacity] where there are counts
  int capacity = 0;
  const int* counts = nullptr;  ///< [batch]; null: all images share all boxes

  ODT_HD constexpr const boxf* of(std::int64_t image) const { return counts ? boxes + image * capacity : boxes; }
  ODT_HD constexpr int count(std::int64_t image) const { return counts ? counts[image] : capacity; }
};

/// Of one image: anchors by their match, boxes of the ground truth that an anchor has, and all of these.
struct match_counts {
  int positives = 0, negatives = 0, ignored = 0;
  int matched_boxes = 0, boxes = 0;
};

/// In device memory, with their sums.
struct counted_targets : assigned_targets {
  double* weight_sums = nullptr;   ///< [batch] of the regression weights
  match_counts* counts = nullptr;  ///< [batch]
};

/// Room for the targets of [batch, boxes].
inline counted_targets take_targets(scratch_space& space, int batch, int boxes, int code_size) {
  const std::int64_t rows = std::int64_t{1} * batch * boxes;
  counted_targets t;
  t.match = space.take<int>(rows), t.classes = space.take<int>(rows);
  t.class_weights = space.take<float>(rows), t.regression_weights = space.take<float>(rows);
  t.regression = space.take<float>(rows * code_size);
  t.weight_sums = space.take<double>(batch), t.counts = space.take<match_counts>(batch);
  return t;
}

/// How many there are of each; of several batches, the most.
struct target_sizes {
  std::size_t images = 0, rows = 0, codes = 0;

  target_sizes() = default;
  target_sizes(int batch, int anchors, int code_size)
      : images(static_cast<std::size_t>(batch)),
        rows(images * static_cast<std::size_t>(anchors)),
        codes(rows * static_cast<std::size_t>(code_size)) {}

  /// Whether it grew.
  bool include(const target_sizes& other) {
    const target_sizes before = *this;
    images = std::max(images, other.images), rows = std::max(rows, other.rows), codes = std::max(codes, other.codes);
    return *this != before;
  }
  std::size_t bytes() const {
    return images * (sizeof(double) + sizeof(match_counts)) + rows * 2 * (sizeof(int) + sizeof(float)) +
           codes * sizeof(float);
  }
  friend bool operator==(const target_sizes&, const target_sizes&) = default;
};

/// Grows to the largest batch.
class device_targets {
 public:
  /// Adds one to `generation` when memory moved.
  void reserve(const target_sizes& wanted, int& generation) {
    if (!sizes_.include(wanted)) return;
    match_ = {}, classes_ = {}, class_weights_ = {}, regression_ = {}, regression_weights_ = {};
    match_ = device_array<int>(sizes_.rows), classes_ = device_array<int>(sizes_.rows);
    class_weights_ = device_array<float>(sizes_.rows), regression_weights_ = device_array<float>(sizes_.rows);
    regression_ = device_array<float>(sizes_.codes);
    sums_ = device_array<double>(sizes_.images), counts_ = device_array<match_counts>(sizes_.images);
    ++generation;
  }

  counted_targets view() const {
    return {{match_.data(), classes_.data(), class_weights_.data(), regression_.data(), regression_weights_.data()},
            sums_.data(),
            counts_.data()};
  }
  std::size_t bytes() const {
    return match_.bytes() + classes_.bytes() + class_weights_.bytes() + regression_.bytes() +
           regression_weights_.bytes() + sums_.bytes() + counts_.bytes();
  }

 private:
  target_sizes sizes_;
  device_array<int> match_, classes_;
  device_array<float> class_weights_, regression_, regression_weights_;
  device_array<double> sums_;
  device_array<match_counts> counts_;
};

}  // namespace odt::cuda
