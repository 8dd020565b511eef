// SPDX-License-Identifier: MIT
// By what the losses of a batch and their gradients are multiplied.
#pragma once

#include <odt/exec/cuda/boxes/ssd_loss.hpp>
#include <odt/exec/cuda/machine/reduce.cuh>

namespace odt::cuda::detail {

/// Every warp finds the same.
struct loss_scales {
  float classes, boxes;

  __device__ static loss_scales of(const loss_numbers& o, int code_size, const double* weight_sums, int batch) {
    double matches = 0;
    for (int i = static_cast<int>(threadIdx.x) % 32; i < batch; i += 32) matches += weight_sums[i];
    matches = warp_sum(matches);
    const auto normalizer = static_cast<float>(o.by_matches && matches > 1 ? matches : 1.0);
    return {o.classification_weight / normalizer,
            o.localization_weight / (o.by_codesize ? normalizer * static_cast<float>(code_size) : normalizer)};
  }
};

}  // namespace odt::cuda::detail
