// SPDX-License-Identifier: MIT
// The update of all variables: regularize and measure the gradients; join the measures; clip, update and average. The
// optimizer is inlined. Each number goes through the same operations as on the CPU.
#pragma once

#include <odt/exec/cuda/machine/vectors.cuh>
#include <odt/exec/cuda/passes/update.hpp>
#include <odt/optimizer.hpp>

#include <array>

namespace odt::cuda {

namespace detail {

inline constexpr int update_threads = 256;

/// Clips, updates and averages the block's piece.
template <optimizer O>
__global__ __launch_bounds__(update_threads) void update_pieces_of(O how, update_pieces pieces, const float* rate,
                                                                   float average_rate, update_stores stores,
                                                                   const device_update_report* report) {
  const update_piece piece = pieces.at[blockIdx.x];
  if (!piece.trainable || report->finite == 0) return;
  const float speed = *rate, clip = report->clip;
  for (std::int64_t i = 4 * static_cast<std::int64_t>(threadIdx.x); i < piece.size; i += 4 * update_threads) {
    const std::int64_t at = piece.offset + i;
    floats<4> value = load<4>(stores.values + at), average{};
    const floats<4> gradient = load<4>(stores.gradients + at);
    floats<4> slots[O::slots.size() > 0 ? O::slots.size() : 1];
#pragma unroll
    for (std::size_t s = 0; s < O::slots.size(); ++s) slots[s] = load<4>(stores.slots[s] + at);
    if (stores.averages) average = load<4>(stores.averages + at);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      optimizer_slots<O, float> own;
#pragma unroll
      for (std::size_t s = 0; s < O::slots.size(); ++s) own[s] = slots[s].at[k];
      how.update(value.at[k], gradient.at[k] * clip, speed, own);
#pragma unroll
      for (std::size_t s = 0; s < O::slots.size(); ++s) slots[s].at[k] = own[s];
      average.at[k] -= (average.at[k] - value.at[k]) * average_rate;
    }
    store<4>(stores.values + at, value);
#pragma unroll
    for (std::size_t s = 0; s < O::slots.size(); ++s) store<4>(stores.slots[s] + at, slots[s]);
    if (stores.averages) store<4>(stores.averages + at, average);
  }
}

}  // namespace detail

/// One update. Gradients are left regularized and multiplied, but not clipped. Frozen pieces keep their values, slots
/// and averages, and do not count in the norm. Nothing changes when the loss or the norm is not finite. `rate` (the
/// optimizer's for this step), `loss` and `report` lie in device memory.
template <optimizer O>
void update(cudaStream_t stream, const O& how, const update_options& options, const float* rate,
            const update_pieces& pieces, const update_stores& stores, const float* loss, device_update_report* report) {
  static_assert(O::slots.size() <= update_stores::most_slots);
  const auto blocks = static_cast<unsigned>(pieces.count);
  measure_gradients(stream, options, pieces, stores.values, stores.gradients, loss, report);
  detail::update_pieces_of<<<blocks, detail::update_threads, 0, stream>>>(how, pieces, rate,
                                                                          1.0f - options.average_decay, stores, report);
  check_launch("update_pieces");
}

}  // namespace odt::cuda
