// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/boxes/proposals.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/two_stage_elements.hpp>

namespace odt::cuda {

namespace {

constexpr int box_threads = 256;

__global__ __launch_bounds__(box_threads) void scale_boxes(const boxf* from, std::int64_t count, size2 input,
                                                           boxf* to) {
  const std::int64_t i = std::int64_t{blockIdx.x} * box_threads + threadIdx.x;
  if (i < count) to[i] = in_pixels(from[i], input);
}

/// A block an image.
__global__ __launch_bounds__(box_threads) void put_proposals(found_batch found, size2 input, proposals out) {
  const std::int64_t image = blockIdx.x, first = image * out.capacity;
  const int count = found.counts[image];
  const found_box* const own = found.found + image * found.most;
  for (int i = static_cast<int>(threadIdx.x); i < out.capacity; i += box_threads) {
    const bool there = i < count;
    const boxf b = there ? own[i].bounds : boxf{0, 0, 0, 0};
    out.boxes[first + i] = b;
    out.normalized[first + i] = normalized(b, input);
    out.scores[first + i] = there ? own[i].score : 0;
  }
  if (threadIdx.x == 0) out.counts[image] = count;
}

}  // namespace

void put_in_pixels(cudaStream_t stream, const ground_truth& truth, size2 input, boxf* out) {
  const std::int64_t count = std::int64_t{1} * truth.size * truth.max_boxes;
  if (count == 0) return;
  const auto blocks = static_cast<unsigned>((count + box_threads - 1) / box_threads);
  scale_boxes<<<blocks, box_threads, 0, stream>>>(truth.boxes, count, input, out);
  check_launch("put_in_pixels");
}

void detail::suppress_proposals(cudaStream_t stream, const non_max_suppression_options& how, int anchors, size2 input,
                                const boxf* windows, const proposal_memory& memory, const proposals& out) {
  multiclass_non_max_suppression(stream, how, {out.batch, anchors, 1, memory.boxes, memory.scores, windows},
                                 memory.suppression, memory.found);
  put_proposals<<<static_cast<unsigned>(out.batch), box_threads, 0, stream>>>(memory.found, input, out);
  check_launch("put_proposals");
}

}  // namespace odt::cuda
