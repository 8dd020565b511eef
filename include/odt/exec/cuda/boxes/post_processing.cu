// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/boxes/post_processing.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/reduce.cuh>

#include <cmath>

namespace odt::cuda {

namespace {

constexpr int score_threads = 256, score_warps = score_threads / 32;
constexpr int tile = 32;  ///< anchors of a block, and classes that it writes at once

struct score_numbers {
  score_converter converter;
  float scale;
  calibration_view calibration;
};

/// What softmax takes of a row.
struct row_terms {
  float largest, sum;

  /// By the lanes of a warp.
  __device__ static row_terms of(const float* logits, int columns, float scale) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    float largest = -INFINITY, sum = 0;
    for (int c = lane; c < columns; c += 32) largest = max(largest, logits[c]);
    largest = warp_fold(largest, [](float a, float b) { return a < b ? b : a; });
    for (int c = lane; c < columns; c += 32) sum += softmax_term(logits[c], largest, scale);
    return {largest, warp_sum(sum)};
  }
};

__device__ float score_of(const score_numbers& how, float logit, const row_terms& row) {
  switch (how.converter) {
    case score_converter::identity:
      return logit / how.scale;
    case score_converter::sigmoid:
      return sigmoid_score(logit, how.scale);
    default:
      return softmax_term(logit, row.largest, how.scale) / row.sum;
  }
}

/// A warp reads along the rows and writes along the anchors.
__global__ __launch_bounds__(score_threads) void score_logits(score_numbers how, ssd_predictions in, int first_column,
                                                              float* scores) {
  __shared__ float values[tile][tile + 1];
  __shared__ row_terms terms[tile];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const std::int64_t image = blockIdx.y, first = std::int64_t{blockIdx.x} * tile;
  const int rows = static_cast<int>(in.anchors - first < tile ? in.anchors - first : tile);
  const int classes = in.class_slots - first_column;
  const float* const logits = in.logits + (image * in.anchors + first) * in.class_slots;
  float* const own = scores + image * classes * in.anchors + first;
  if (how.converter == score_converter::softmax)
    for (int r = warp; r < rows; r += score_warps) {
      const row_terms found = row_terms::of(logits + r * in.class_slots, in.class_slots, how.scale);
      if (lane == 0) terms[r] = found;
    }
  for (int from = 0; from < classes; from += tile) {
    const int wide = classes - from < tile ? classes - from : tile;
    __syncthreads();
    const int column = first_column + from + lane;
    for (int r = warp; r < rows; r += score_warps)
      if (lane < wide)
        values[r][lane] = how.calibration(score_of(how, logits[r * in.class_slots + column], terms[r]), column);
    __syncthreads();
    for (int c = warp; c < wide; c += score_warps)
      if (lane < rows) own[std::int64_t{from + c} * in.anchors + lane] = values[lane][c];
  }
}

}  // namespace

void convert_scores(cudaStream_t stream, const post_processing_options& options, const calibration_view& calibration,
                    const ssd_predictions& in, float* scores) {
  if (in.batch == 0 || in.anchors == 0) return;
  const dim3 grid(static_cast<unsigned>((in.anchors + tile - 1) / tile), static_cast<unsigned>(in.batch));
  const score_numbers how{options.converter, options.logit_scale, calibration};
  score_logits<<<grid, score_threads, 0, stream>>>(how, in, in.class_slots - in.classes(), scores);
  check_launch("convert_scores");
}

}  // namespace odt::cuda
