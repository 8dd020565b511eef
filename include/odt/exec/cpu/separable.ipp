// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution_product.hpp>
#include <odt/exec/cpu/depthwise_forward.hpp>
#include <odt/exec/cpu/separable.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::separable {

inline constexpr std::ptrdiff_t least_pixels = 512;  ///< of a batch: at 361 nothing is gained, at 100 a tenth is lost

/// An image's rows, cut into bands of a chunk of the product's rows, and at least so many that threads share the work.
struct band_plan {
  int height, bands;

  explicit band_plan(const shape& s) : height(s.height) {
    const std::ptrdiff_t chunks = ceil_div(std::ptrdiff_t{1} * s.height * s.width, conv::chunk_rows);
    const std::ptrdiff_t shares = ceil_div(conv::jobs_apart, s.batch);
    bands = static_cast<int>(std::min<std::ptrdiff_t>(s.height, std::max(chunks, shares)));
  }
  int first(int band) const { return static_cast<int>(conv::piece(height, bands, band)); }
  int most_rows() const { return static_cast<int>(ceil_div(height, bands)); }
};

/// Memory of a thread.
struct band_memory {
  float *weights, *between, *block;
  std::size_t bytes;

  band_memory(std::byte* start, const depthwise::walk_plan& walk, const shape& s) {
    scratch_space space(start);
    weights = space.take(walk.taps * walk.padded_block);
    between = space.take(std::ptrdiff_t{1} * band_plan(s).most_rows() * s.width * s.channels);
    block = space.take(conv::block_floats);
    bytes = space.used();
  }
};

/// Rows [top, top + rows) of an image of what lies between.
ODT_INLINE void fill_band(const depthwise::forward_task& task, const float* weights, const depthwise::walk_plan& plan,
                          int image, int top, int rows, const band_memory& memory) {
  const std::ptrdiff_t line = task.y.width * task.y.pixel_stride;
  for (int channel = 0; channel < task.y.channels; channel += plan.block) {
    plan.pack(weights, task.y.channels, channel, std::min(plan.block, task.y.channels - channel), memory.weights);
    for (int r = 0; r < rows; ++r)
      depthwise::write_line({task, memory.weights, plan, image, top + r, channel, memory.between + r * line + channel});
  }
}

template <class Product>
void multiply_band(const tensor& band, const separable_stage& pointwise, const tensor& y, bool stream, float* block) {
  const const_tensor source = reading(band);
  const gather a = conv::forward_gather(pointwise.window, source, y.extents());
  const conv::product_target target{.to = y,
                                    .bias = pointwise.bias,
                                    .stream = stream,
                                    .finish = pointwise.finish.none() ? nullptr : &pointwise.finish};
  const auto plan = conv::product_plan::undivided(a.rows(), y.channels);
  for (int job = 0; job < plan.jobs(); ++job)
    conv::chunk_product<Product>(a, pointwise.weights, target, plan, job, block).run();
}

}  // namespace detail::separable

ODT_INLINE bool suits_separable(const convolution& depthwise, std::ptrdiff_t pixels) {
  return detail::depthwise::walks(depthwise) && pixels >= detail::separable::least_pixels;
}

ODT_INLINE std::size_t separable_scratch(const convolution& depthwise, const shape& in, const shape& between,
                                         int threads) {
  const detail::separable::band_memory memory(nullptr, detail::depthwise::forward_plan(depthwise, in, between),
                                              between);
  return memory.bytes * static_cast<std::size_t>(threads);
}

ODT_INLINE void separable_forward(thread_pool& pool, const separable_stage& depthwise, const separable_stage& pointwise,
                                  const const_tensor& x, const shape& between, const tensor& y, std::byte* scratch) {
  using namespace detail::separable;
  const band_plan plan(between);
  const auto walk = detail::depthwise::forward_plan(depthwise.window, x.extents(), between);
  const std::size_t per_thread = band_memory(nullptr, walk, between).bytes;
  const bool stream = worth_streaming(y);
  with_product(pointwise.window.compute, [&]<class Product>(Product) {
    pool.run(between.batch * plan.bands, [&](int job, int thread) {
      const int image = job / plan.bands, band = job % plan.bands, top = plan.first(band);
      const int rows = plan.first(band + 1) - top;
      const band_memory memory(scratch + per_thread * static_cast<std::size_t>(thread), walk, between);
      const tensor made = dense(memory.between, {1, rows, between.width, between.channels});
      const pending* const finish = depthwise.finish.none() ? nullptr : &depthwise.finish;
      fill_band({depthwise.window, x, depthwise.bias, made, nullptr, finish}, depthwise.weights, walk, image, top, rows,
                memory);
      tensor to = y;
      to.data = y.pixel(image, top, 0), to.batch = 1, to.height = rows;
      multiply_band<Product>(made, pointwise, to, stream, memory.block);
    });
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
