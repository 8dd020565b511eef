// SPDX-License-Identifier: MIT
// The loss of predicted masks and its gradient: a block works on a proposal's masks. The loss is inlined.
#pragma once

#include <odt/exec/cuda/boxes/loss_rows.cuh>
#include <odt/exec/cuda/boxes/mask_loss.hpp>
#include <odt/exec/cuda/machine/error.hpp>

#include <cstdint>

namespace odt::cuda {

namespace detail {

/// What the masks of all proposals share.
template <class Loss>
struct mask_losses {
  Loss loss;
  float weight;  // of the loss
  proposals boxes;
  mask_predictions in;
  float* gradient;
  assigned_targets t;
  const float* wanted;
  mask_costs costs;

  /// By a block; every element of the gradient is written.
  __device__ double run(std::int64_t row) const {
    const bool padding = row % in.proposals >= boxes.counts[row / in.proposals];
    const float own_weight = padding ? 0 : t.regression_weights[row];
    const int own = in.classes == 1 ? 0 : t.classes[row] - 1, area = in.height * in.width, size = area * in.classes;
    const auto scale = static_cast<float>(static_cast<double>(weight) / *costs.normalizer);
    double cost = 0;
    for (int e = static_cast<int>(threadIdx.x); e < size; e += loss_threads) {
      float slope = 0;
      if (own_weight != 0 && e % in.classes == own) {
        const loss_element<float> pixel{in.logits[row * size + e], wanted[row * area + e / in.classes]};
        cost += static_cast<double>(row_cost<float>(
            loss, 1, own_weight, [&](int) { return pixel; }, [&](int, float g) { slope = g * scale; }));
      }
      if (gradient) gradient[row * size + e] = slope;
    }
    return cost;
  }
};

template <class Loss>
__global__ __launch_bounds__(loss_threads) void cost_masks(const __grid_constant__ mask_losses<Loss> losses) {
  __shared__ double shared[33];
  const double cost = block_sum(losses.run(blockIdx.x), shared);
  if (threadIdx.x == 0) losses.costs.costs[blockIdx.x] = cost;
}

}  // namespace detail

/// The losses of a batch's masks, by proposal, and their gradient, in the predictions' shape, where it is wanted.
/// `targets` are those of the proposals, `wanted` as assign_masks wrote it.
template <classification_loss Loss>
void mask_loss(cudaStream_t stream, const Loss& loss, float loss_weight, const proposals& boxes,
               const mask_predictions& in, float* gradient, const assigned_targets& targets, const float* wanted,
               const mask_costs& costs) {
  normalize_masks(stream, boxes, targets.regression_weights, in.height * in.width, costs);
  const detail::mask_losses<Loss> losses{loss, loss_weight, boxes, in, gradient, targets, wanted, costs};
  detail::cost_masks<<<static_cast<unsigned>(costs.rows), detail::loss_threads, 0, stream>>>(losses);
  check_launch("mask_loss");
}

}  // namespace odt::cuda
