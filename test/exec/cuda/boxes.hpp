// SPDX-License-Identifier: MIT
// Kernels that inline policies, behind plain functions: host vectors in, host vectors out. nvcc compiles them
// (boxes.cu), the tests call them.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/exec/cuda/boxes/ssd_loss.hpp>
#include <odt/exec/cuda/passes/update.hpp>
#include <odt/post_processing.hpp>

#include <cstdint>
#include <vector>

namespace odt::test {

/// odt::cuda::counted_targets and the policies' counts, on the host.
struct host_targets {
  std::vector<int> match, classes;
  std::vector<float> class_weights, regression, regression_weights;
  std::vector<double> weight_sums;
  std::vector<cuda::match_counts> counts;
};

/// `truth` lies on the host.
template <class Similarity, class Matcher, class BoxCoder>
host_targets assign_on_gpu(const Similarity& similarity, const Matcher& matcher, const BoxCoder& coder,
                           const ground_truth& truth, const std::vector<boxf>& anchors, float negative_class_weight);

/// Predictions of a batch of faster_rcnn codes and what they are to be.
struct loss_problem {
  int batch = 0, class_slots = 0;
  std::vector<boxf> anchors;
  std::vector<float> logits, encodings;
  host_targets targets;
};

/// `boxes`, `ranks` and `kept` are mining's, empty without it.
struct loss_results {
  cuda::ssd_losses_report report;
  std::vector<float> logits_gradient, encodings_gradient;
  std::vector<float> classification, localization;  ///< [batch, anchors] costs
  std::vector<boxf> boxes;
  std::vector<float> ranks;
  std::vector<std::uint8_t> kept;
};

template <class Classes, class Boxes>
loss_results losses_on_gpu(const Classes& classes, const Boxes& boxes, const ssd_loss_options& options,
                           const loss_problem& problem);

/// Predictions of a batch, and the windows of its images.
struct detection_problem {
  int batch = 0, columns = 0;
  bool has_background = true;
  std::vector<boxf> anchors, windows;
  std::vector<float> encodings, logits;

  int classes() const { return columns - (has_background ? 1 : 0); }
};

/// `boxes` [batch, anchors] and `scores` [batch, classes, anchors] are what detections were selected from.
struct detection_results {
  std::vector<boxf> boxes;
  std::vector<float> scores;
  std::vector<detections> found;
};

template <class BoxCoder>
detection_results post_process_on_gpu(const BoxCoder& coder, const post_processing_options& options,
                                      const detection_problem& problem);

/// The stores of an update on the host; `averages` may be empty.
struct host_stores {
  std::vector<float> values, gradients, averages;
  std::vector<std::vector<float>> slots;
};

/// Updates `stores`; `rate` is the optimizer's, `loss` the step's.
template <class Optimizer>
cuda::device_update_report update_on_gpu(const Optimizer& how, const update_options& options, float rate,
                                         const std::vector<update_piece>& pieces, host_stores& stores, float loss);

}  // namespace odt::test
