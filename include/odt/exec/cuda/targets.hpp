// SPDX-License-Identifier: MIT
// What a batch's anchors are to predict, in device memory.
#pragma once

#include <odt/exec/cuda/memory.hpp>

#include <cstddef>

namespace odt::cuda {

/// Anchors of one image by their match.
struct match_counts {
  int positives = 0, negatives = 0, ignored = 0;
};

/// Where the targets of a batch are written. Ignored anchors are background with weight 0.
struct assigned_targets {
  int* match = nullptr;                 ///< [batch, anchors] a row, `unmatched` or `ignored`
  int* classes = nullptr;               ///< [batch, anchors] 0: background, else 1 + class
  float* class_weights = nullptr;       ///< [batch, anchors]
  float* regression = nullptr;          ///< [batch, anchors, code_size], zeros where nothing is matched
  float* regression_weights = nullptr;  ///< [batch, anchors]
  double* weight_sums = nullptr;        ///< [batch] of the regression weights
  match_counts* counts = nullptr;       ///< [batch]
};

/// Grows to the largest batch.
class device_targets {
 public:
  /// Adds one to `generation` when memory moved.
  void reserve(int batch, int anchors, int code_size, int& generation) {
    const std::size_t images = static_cast<std::size_t>(batch), rows = images * static_cast<std::size_t>(anchors);
    const std::size_t codes = rows * static_cast<std::size_t>(code_size);
    if (match_.size() >= rows && regression_.size() >= codes && sums_.size() >= images) return;
    match_ = device_array<int>(rows), classes_ = device_array<int>(rows);
    class_weights_ = device_array<float>(rows), regression_weights_ = device_array<float>(rows);
    regression_ = device_array<float>(codes);
    sums_ = device_array<double>(images), counts_ = device_array<match_counts>(images);
    ++generation;
  }

  assigned_targets view() const {
    return {match_.data(), classes_.data(), class_weights_.data(), regression_.data(), regression_weights_.data(),
            sums_.data(),  counts_.data()};
  }
  std::size_t bytes() const {
    return match_.bytes() + classes_.bytes() + class_weights_.bytes() + regression_.bytes() +
           regression_weights_.bytes() + sums_.bytes() + counts_.bytes();
  }

 private:
  device_array<int> match_, classes_;
  device_array<float> class_weights_, regression_, regression_weights_;
  device_array<double> sums_;
  device_array<match_counts> counts_;
};

}  // namespace odt::cuda
