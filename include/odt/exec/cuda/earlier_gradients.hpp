// SPDX-License-Identifier: MIT
// Gradients of variables that several layers share: kernels overwrite, so what the earlier layers have sent is kept
// beside and added afterwards.
#pragma once

#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/passes/arithmetic.hpp>
#include <odt/nn/progress.hpp>

#include <cstddef>
#include <cstdint>

namespace odt::cuda {

/// Runs work that overwrites a layer's gradients on a stream, and adds what was there. `kept` has room for as many
/// floats as the layer trains; work on several streams needs one each.
template <class Work>
void add_to_earlier(cudaStream_t stream, const network& net, const variable_layout& layout, int layer, float* gradients,
                    float* kept, const Work& work) {
  each_trained_gradient(net, layout, layer, [&](std::int64_t offset, std::int64_t at, std::int64_t size) {
    check(cudaMemcpyAsync(kept + at, gradients + offset, static_cast<std::size_t>(size) * sizeof(float),
                          cudaMemcpyDeviceToDevice, stream),
          "cudaMemcpyAsync");
  });
  work();
  each_trained_gradient(net, layout, layer, [&](std::int64_t offset, std::int64_t at, std::int64_t size) {
    add_floats(stream, kept + at, gradients + offset, size);
  });
}

}  // namespace odt::cuda
