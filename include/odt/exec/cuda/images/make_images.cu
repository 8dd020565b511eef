// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/images/make_images.hpp>
#include <odt/exec/cuda/machine/error.hpp>

#include <type_traits>

namespace odt::cuda {

namespace {

static_assert(std::is_trivially_copyable_v<picture_job>);

constexpr int threads = 256;

/// A block an image: the mean colours that its steps need, one after the other; a thread sums a row.
__global__ void __launch_bounds__(threads) find_means(picture_job* jobs, const std::uint8_t* bytes) {
  __shared__ rgb sums[threads];
  picture_job& job = jobs[blockIdx.x];
  const int thread = static_cast<int>(threadIdx.x);
  for (int s = 0; s < job.count; ++s) {
    pixel_step& step = job.steps[static_cast<std::size_t>(s)];
    if (!needs_mean(step.op)) continue;
    mean_color mean;  // the first thread's
    for (int y = 0; y < step.before.height; y += threads) {
      const int left = step.before.height - y, rows = left < threads ? left : threads;
      if (thread < rows) sums[thread] = row_before(job, bytes, s, y + thread);
      __syncthreads();
      for (int i = 0; thread == 0 && i < rows; ++i) mean.add(sums[i]);
      __syncthreads();
    }
    if (thread == 0) step.op.color = mean.of(step.before);
    __syncthreads();
  }
}

/// A thread a pixel of the images.
__global__ void __launch_bounds__(threads)
    make_pixels(const picture_job* jobs, const std::uint8_t* bytes, size2 outer, float* images) {
  const int at = static_cast<int>(blockIdx.x * threads + threadIdx.x), pixels = outer.height * outer.width;
  if (at >= pixels) return;
  const rgb p = image_pixel(jobs[blockIdx.y], bytes, outer.width, at / outer.width, at % outer.width);
  float* const to = images + 3 * (std::int64_t{blockIdx.y} * pixels + at);
  to[0] = p.r, to[1] = p.g, to[2] = p.b;
}

}  // namespace

void make_images(cudaStream_t stream, picture_job* jobs, int count, const std::uint8_t* bytes, size2 outer,
                 float* images) {
  const auto images_there = static_cast<unsigned>(count);
  const auto blocks = static_cast<unsigned>((outer.height * outer.width + threads - 1) / threads);
  find_means<<<images_there, threads, 0, stream>>>(jobs, bytes);
  make_pixels<<<dim3(blocks, images_there), threads, 0, stream>>>(jobs, bytes, outer, images);
  check(cudaGetLastError(), "make_images");
}

}  // namespace odt::cuda
