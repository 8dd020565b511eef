// SPDX-License-Identifier: MIT
// A two-stage detector's losses but for the policies in them: what they cost by row, and what they leave on the device.
#pragma once

#include <odt/exec/cuda/machine/scratch.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/two_stage_report.hpp>
#include <odt/faster_rcnn/loss_options.hpp>

#include <cuda_runtime.h>

#include <cstdint>

namespace odt::cuda {

/// Weighted costs of a stage's sampled anchors or proposals, before they are divided; zeros behind an image's count.
struct row_costs {
  int batch = 0, rows = 0;        ///< rows: capacity of an image
  const int* counts = nullptr;    ///< [batch]
  float* localization = nullptr;  ///< [batch, rows]
  float* classification = nullptr;

  row_costs() = default;
  row_costs(scratch_space& space, int images, int capacity, const int* found)
      : batch(images), rows(capacity), counts(found) {
    localization = space.take<float>(std::int64_t{1} * batch * rows);
    classification = space.take<float>(std::int64_t{1} * batch * rows);
  }
};

/// The same of masks.
struct mask_costs {
  int rows = 0;                  ///< of the batch
  double* costs = nullptr;       ///< [rows]
  double* normalizer = nullptr;  ///< by what their sum is divided

  mask_costs() = default;
  mask_costs(scratch_space& space, int count) : rows(count) {
    costs = space.take<double>(rows), normalizer = space.take<double>(1);
  }
};

/// What a step leaves on the device.
struct two_stage_losses_report {
  two_stage_losses losses;
  float total = 0;
};

/// Sums up the costs of both stages and of masks; those without rows cost nothing.
void report_losses(cudaStream_t stream, const faster_rcnn_loss_options& o, const row_costs& first,
                   const row_costs& second, const mask_costs& masks, two_stage_losses_report* report);

/// The report as numbers that several ranks add up, all in device memory, and back to their mean.
void take_numbers(cudaStream_t stream, const two_stage_losses_report* report, double* numbers);
void put_numbers(cudaStream_t stream, const double* numbers, int ranks, two_stage_losses_report* report);

}  // namespace odt::cuda
