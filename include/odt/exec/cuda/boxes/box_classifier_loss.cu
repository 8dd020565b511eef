// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/boxes/box_classifier_loss.cuh>

namespace odt::cuda::detail {

namespace {

/// A warp works on a proposal of the first image.
__global__ __launch_bounds__(loss_threads) void clear_easy_proposals(const std::uint8_t* kept, int code_size,
                                                                     box_classifier_predictions in,
                                                                     box_classifier_gradients out, row_costs costs) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const auto clear = [lane](float* gradient, std::int64_t row, int columns) {
    for (int c = lane; gradient && c < columns; c += 32) gradient[row * columns + c] = 0;
  };
  each_row_of_warp(in.proposals, [&](std::int64_t row) {
    if (kept[row] != 0) return;
    clear(out.logits, row, in.class_slots());
    clear(out.encodings, row, in.box_slots() * code_size);
    if (lane == 0) costs.classification[row] = costs.localization[row] = 0;
  });
}

}  // namespace

void drop_easy_proposals(cudaStream_t stream, const std::uint8_t* kept, int code_size,
                         const box_classifier_predictions& in, const box_classifier_gradients& gradients,
                         const row_costs& costs) {
  clear_easy_proposals<<<blocks_of_rows(in.proposals), loss_threads, 0, stream>>>(kept, code_size, in, gradients,
                                                                                  costs);
  check_launch("drop_easy_proposals");
}

}  // namespace odt::cuda::detail
