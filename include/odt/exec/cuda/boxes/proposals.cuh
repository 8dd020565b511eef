// SPDX-License-Identifier: MIT
// From a first stage's predictions to proposals, on the device from end to end; the coder is inlined.
#pragma once

#include <odt/exec/cuda/boxes/decode.cuh>
#include <odt/exec/cuda/boxes/proposals.hpp>
#include <odt/exec/two_stage_elements.hpp>

namespace odt::cuda {

namespace detail {

/// A thread decodes and scores an anchor that takes part.
template <class BoxCoder>
__global__ __launch_bounds__(decode_threads) void decode_proposals(BoxCoder coder, selected_anchors anchors,
                                                                   rpn_predictions in, proposal_memory memory) {
  const std::int64_t row = std::int64_t{blockIdx.x} * decode_threads + threadIdx.x;
  if (row >= std::int64_t{1} * in.batch * anchors.count) return;
  const int a = static_cast<int>(row % anchors.count);
  const std::int64_t at = row / anchors.count * in.anchors + anchors.rows[a];
  memory.boxes[row] = decoded(coder, in.encodings + at * BoxCoder::code_size, anchors.boxes[a]);
  memory.scores[row] = objectness_score(in.objectness[2 * at], in.objectness[2 * at + 1]);
}

}  // namespace detail

/// Proposes the best boxes of every image of a batch, no more than out.capacity, as cpu::propose does; all in device
/// memory. `windows` are [batch] the true images within their input, in pixels.
template <box_coder BoxCoder>
void propose(cudaStream_t stream, const BoxCoder& coder, const selected_anchors& anchors, const first_stage_options& o,
             const rpn_predictions& in, size2 input, const boxf* windows, void* scratch, const proposals& out) {
  using namespace detail;
  const non_max_suppression_options how = suppression_of(o, out.capacity);
  const proposal_memory memory(scratch, how, in.batch, anchors.count);
  const std::int64_t rows = std::int64_t{1} * in.batch * anchors.count;
  if (rows == 0) return;
  const auto blocks = static_cast<unsigned>((rows + decode_threads - 1) / decode_threads);
  decode_proposals<<<blocks, decode_threads, 0, stream>>>(coder, anchors, in, memory);
  check_launch("decode_proposals");
  suppress_proposals(stream, how, anchors.count, input, windows, memory, out);
}

}  // namespace odt::cuda
