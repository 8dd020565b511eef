// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/reduce.cuh>
#include <odt/exec/cuda/machine/vectors.cuh>
#include <odt/exec/cuda/passes/update.hpp>

#include <cmath>

namespace odt::cuda {

namespace {

constexpr int update_threads = 256;

/// Adds the regularizer's gradient to the block's piece, scales it, and sums up squares and penalty.
__global__ __launch_bounds__(update_threads) void regularize_pieces(update_pieces pieces, bool regularize,
                                                                    const float* values, float* gradients) {
  __shared__ double shared[33];
  const update_piece piece = pieces.at[blockIdx.x];
  const bool l2 = regularize && piece.penalty.kind == penalty_kind::l2;
  const bool l1 = regularize && piece.penalty.kind == penalty_kind::l1;
  double square = 0, penalty = 0;
  for (std::int64_t i = 4 * static_cast<std::int64_t>(threadIdx.x); i < piece.size; i += 4 * update_threads) {
    const floats<4> w = load<4>(values + piece.offset + i);
    floats<4> g = gradients ? load<4>(gradients + piece.offset + i) : floats<4>{};
    float squares = 0, costs = 0;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      if (l2) {
        costs += w.at[k] * w.at[k];
        g.at[k] += piece.penalty.weight * w.at[k];
      } else if (l1) {
        costs += fabsf(w.at[k]);
        g.at[k] += piece.penalty.weight * (w.at[k] > 0 ? 1.0f : w.at[k] < 0 ? -1.0f : 0.0f);
      }
      g.at[k] *= piece.gradient_multiplier;
      squares += g.at[k] * g.at[k];
    }
    if (gradients && piece.trainable) store<4>(gradients + piece.offset + i, g);
    square += static_cast<double>(squares), penalty += static_cast<double>(costs);
  }
  square = block_sum(square, shared), penalty = block_sum(penalty, shared);
  if (threadIdx.x != 0) return;
  pieces.squares[blockIdx.x] = piece.trainable ? square : 0;
  pieces.penalties[blockIdx.x] = static_cast<double>(piece.penalty.weight) * (l2 ? 0.5 * penalty : l1 ? penalty : 0.0);
}

/// By one block; `loss` may be null.
__global__ __launch_bounds__(update_threads) void join_measures(update_pieces pieces, float clip_norm,
                                                                const float* loss, device_update_report* report) {
  __shared__ double shared[33];
  double squares = 0, penalties = 0;
  for (int i = static_cast<int>(threadIdx.x); i < pieces.count; i += update_threads)
    squares += pieces.squares[i], penalties += pieces.penalties[i];
  squares = block_sum(squares, shared), penalties = block_sum(penalties, shared);
  if (threadIdx.x != 0) return;
  report->gradient_norm = sqrt(squares);
  report->regularization_loss = penalties;
  const auto norm = static_cast<float>(report->gradient_norm);
  report->clip = clip_norm > 0 && norm > clip_norm ? clip_norm / norm : 1.0f;
  const bool finite = isfinite(report->gradient_norm) && (!loss || isfinite(*loss));
  report->finite = finite ? 1 : 0;
}

}  // namespace

void measure_gradients(cudaStream_t stream, const update_options& options, const update_pieces& pieces,
                       const float* values, float* gradients, const float* loss, device_update_report* report) {
  regularize_pieces<<<static_cast<unsigned>(pieces.count), update_threads, 0, stream>>>(pieces, options.regularize,
                                                                                        values, gradients);
  check_launch("regularize_pieces");
  join_measures<<<1, update_threads, 0, stream>>>(pieces, options.clip_norm, loss, report);
  check_launch("join_measures");
}

}  // namespace odt::cuda
