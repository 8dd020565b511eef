// SPDX-License-Identifier: MIT
// The network's input from raw images (core/picture_job.hpp), in device memory, with the CPU's bits.
#pragma once

#include <odt/core/picture_job.hpp>
#include <odt/exec/cuda/machine/tensor.hpp>

#include <cstdint>

namespace odt::cuda {

/// Follows the recipes of `count` jobs, resizes, transforms and pads: fills images [count, outer.height, outer.width,
/// 3]. All pointers are the device's; the jobs' means are filled in. A job's pixels begin at a multiple of 16.
void make_images(cudaStream_t stream, picture_job* jobs, int count, const std::uint8_t* bytes, size2 outer,
                 float* images);

}  // namespace odt::cuda
