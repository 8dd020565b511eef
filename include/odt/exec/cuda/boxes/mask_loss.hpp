// SPDX-License-Identifier: MIT
// What predicted masks are to be, and by what their loss is divided; the loss itself is in mask_loss.cuh.
#pragma once

#include <odt/core/image.hpp>
#include <odt/exec/cuda/boxes/two_stage_losses.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/ssd_targets.hpp>

#include <cuda_runtime.h>

#include <cstdint>

namespace odt::cuda {

/// The masks of a batch's objects, each as large as the network's input: [batch, max_boxes, height, width] of 0 or 1 in
/// device memory.
struct truth_masks {
  const std::uint8_t* pixels = nullptr;
  int max_boxes = 0;
  size2 size;
};

/// What the masks of a batch's proposals are to be, [batch, capacity, height, width] into `out`, as cpu::assign_masks;
/// all in device memory. `match` is that of the proposals.
void assign_masks(cudaStream_t stream, const proposals& boxes, const int* match, const truth_masks& masks,
                  size2 mask_size, float* out);

/// Writes the pixels that count, at least 1.
void normalize_masks(cudaStream_t stream, const proposals& boxes, const float* weights, int area,
                     const mask_costs& costs);

}  // namespace odt::cuda
