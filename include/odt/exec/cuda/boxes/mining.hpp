// SPDX-License-Identifier: MIT
// The hard example miner's selection for the images of a batch.
#pragma once

#include <odt/core/box.hpp>
#include <odt/hard_example_miner.hpp>

#include <cuda_runtime.h>

#include <cstdint>

namespace odt::cuda {

/// Anchors of one image that mining kept. Ignored ones count as negatives.
struct mined_counts {
  int positives = 0, negatives = 0;
};

/// Bytes of scratch memory for `mine`.
std::int64_t mining_scratch_bytes(int batch, int anchors);

/// Selects among the anchors by `losses` (the loss that ranks them) and their decoded `boxes`, as cpu::mine does for
/// each image, exactly. All in device memory; boxes, losses, match and kept are [batch, anchors], counts [batch].
/// kept: 1 for an anchor that counts, else 0.
void mine(cudaStream_t stream, const hard_example_miner& how, int batch, int anchors, const boxf* boxes,
          const float* losses, const int* match, void* scratch, std::uint8_t* kept, mined_counts* counts);

}  // namespace odt::cuda
