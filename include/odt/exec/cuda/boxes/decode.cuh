// SPDX-License-Identifier: MIT
// Boxes from the codes that a network predicts; the coder is inlined.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/exec/cuda/machine/error.hpp>

#include <cstddef>
#include <cstdint>

namespace odt::cuda {

namespace detail {

inline constexpr int decode_threads = 256;

template <box_coder BoxCoder>
__device__ boxf decoded(const BoxCoder& coder, const float* codes, const boxf& anchor) {
  box_code<BoxCoder, float> code;
#pragma unroll
  for (int k = 0; k < BoxCoder::code_size; ++k) code[static_cast<std::size_t>(k)] = codes[k];
  return coder.decode(code, anchor);
}

template <class BoxCoder>
__global__ __launch_bounds__(decode_threads) void decode_rows(BoxCoder coder, const float* codes, const boxf* anchors,
                                                              int count, std::int64_t rows, boxf* boxes) {
  const std::int64_t row = std::int64_t{blockIdx.x} * decode_threads + threadIdx.x;
  if (row < rows) boxes[row] = decoded(coder, codes + row * BoxCoder::code_size, anchors[row % count]);
}

}  // namespace detail

/// Decodes a batch's codes [batch, anchors, code_size] against its anchors to boxes [batch, anchors], all in device
/// memory.
template <box_coder BoxCoder>
void decode_boxes(cudaStream_t stream, const BoxCoder& coder, const float* codes, const boxf* anchors, int batch,
                  int count, boxf* boxes) {
  const std::int64_t rows = std::int64_t{1} * batch * count;
  if (rows == 0) return;
  const auto blocks = static_cast<unsigned>((rows + detail::decode_threads - 1) / detail::decode_threads);
  detail::decode_rows<<<blocks, detail::decode_threads, 0, stream>>>(coder, codes, anchors, count, rows, boxes);
  check_launch("decode_boxes");
}

}  // namespace odt::cuda
