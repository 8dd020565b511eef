// SPDX-License-Identifier: MIT
// What a reader of a tensor sees, on the host: for tests, and for whoever looks for numbers that are not finite.
#pragma once

#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/passes/apply.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace odt::cuda {

/// Dense: [batch, height, width, channels]. Waits for the stream.
template <class T>
std::vector<float> host_values(cudaStream_t stream, const reading<T>& r) {
  const tensor<const T>& x = r.x;
  const std::int64_t pixel = x.channels, image = pixel * x.height * x.width;
  device_array<T> dense(static_cast<std::size_t>(x.pixels() * x.channels));
  apply(stream, elementwise{}, r, tensor<T>{dense.data(), x.batch, x.height, x.width, x.channels, pixel, image});
  std::vector<T> host(dense.size());
  check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  check(cudaMemcpy(host.data(), dense.data(), dense.bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
  std::vector<float> values(host.size());
  std::ranges::transform(host, values.begin(), [](T e) { return static_cast<float>(e); });
  return values;
}

}  // namespace odt::cuda
