// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/boxes/loss_rows.cuh>
#include <odt/exec/cuda/boxes/mask_loss.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/two_stage_elements.hpp>

namespace odt::cuda {

namespace {

constexpr int mask_threads = 256;

/// A block a proposal.
__global__ __launch_bounds__(mask_threads) void crop_masks(proposals boxes, const int* match, truth_masks masks,
                                                           size2 size, float* out) {
  const int row = static_cast<int>(blockIdx.x), image = row / boxes.capacity, area = size.height * size.width;
  const bool object = row % boxes.capacity < boxes.counts[image] && match[row] >= 0;
  const std::int64_t number = object ? std::int64_t{1} * image * masks.max_boxes + match[row] : 0;
  const std::uint8_t* const mask = masks.pixels + number * masks.size.height * masks.size.width;
  const boxf b = boxes.normalized[row];
  for (int i = static_cast<int>(threadIdx.x); i < area; i += mask_threads)
    out[std::int64_t{1} * row * area + i] =
        object ? mask_sample(mask, masks.size, b, size, i / size.width, i % size.width) : 0;
}

/// One block.
__global__ __launch_bounds__(mask_threads) void count_pixels(proposals boxes, const float* weights, int area,
                                                             mask_costs costs) {
  __shared__ double shared[33];
  double pixels = 0;
  for (int row = static_cast<int>(threadIdx.x); row < costs.rows; row += mask_threads)
    if (row % boxes.capacity < boxes.counts[row / boxes.capacity]) pixels += static_cast<double>(weights[row]) * area;
  pixels = block_sum(pixels, shared);
  if (threadIdx.x == 0) *costs.normalizer = pixels > 1 ? pixels : 1;
}

}  // namespace

void assign_masks(cudaStream_t stream, const proposals& boxes, const int* match, const truth_masks& masks,
                  size2 mask_size, float* out) {
  crop_masks<<<static_cast<unsigned>(boxes.batch * boxes.capacity), mask_threads, 0, stream>>>(boxes, match, masks,
                                                                                               mask_size, out);
  check_launch("assign_masks");
}

void normalize_masks(cudaStream_t stream, const proposals& boxes, const float* weights, int area,
                     const mask_costs& costs) {
  count_pixels<<<1, mask_threads, 0, stream>>>(boxes, weights, area, costs);
  check_launch("normalize_masks");
}

}  // namespace odt::cuda
