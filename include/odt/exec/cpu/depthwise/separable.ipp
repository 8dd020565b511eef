// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution/convolution_product.hpp>
#include <odt/exec/cpu/depthwise/depthwise_forward.hpp>
#include <odt/exec/cpu/depthwise/separable.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::separable {

inline constexpr std::ptrdiff_t least_pixels = 200;  ///< of a batch: here a tenth is gained, at 100 a twentieth lost
inline constexpr std::ptrdiff_t most_channels = 2 * block_width;  ///< of a block of any product
inline constexpr std::ptrdiff_t weights_step = most_channels + 16, made_step = most_channels + 2 * lanes;

/// Memory of a thread.
struct thread_memory {
  float *weights, *made, *block;
  std::size_t bytes;

  explicit thread_memory(std::byte* start) {
    scratch_space space(start);
    weights = space.take(9 * weights_step);
    made = space.take(conv::chunk_rows * made_step);
    block = space.take(conv::block_floats);
    bytes = space.used();
  }
};

/// Makes rows of the pointwise product by the depthwise convolution.
template <class Product>
struct depthwise_rows {
  depthwise::forward_task task;
  const float* weights;
  thread_memory memory;

  void operator()(const grid_cursor* positions, int count, std::ptrdiff_t first, std::ptrdiff_t last,
                  float* block) const {
    const int channel = static_cast<int>(first), channels = static_cast<int>(last - first);
    for (int t = 0; t < 9; ++t)
      copy_channels(memory.weights + t * weights_step, weights + std::ptrdiff_t{t} * task.x.channels + channel,
                    channels, {}, channel);
    constexpr bool direct = packs_as_is<Product>;
    float* const to = direct ? block : memory.made;
    depthwise::forward_task part = task;
    part.y.pixel_stride = direct ? block_stride : made_step;
    const depthwise::channel_block taps{channel, channels, memory.weights, weights_step};
    for (int r = 0; r < count;) {
      const grid_cursor& at = positions[r];
      const int end = std::min(at.x + count - r, part.y.width);
      depthwise::write_line({part, taps, at.image, at.y, {at.x, end, to + r * part.y.pixel_stride}});
      r += end - at.x;
    }
    if constexpr (!direct)
      for (int r = 0; r < count; ++r) pack_row<Product>(to + r * made_step, channels, block + r * block_stride);
  }
  bool can_be_asked_for() const { return false; }
};

}  // namespace detail::separable

ODT_INLINE bool suits_separable(const window& depthwise, std::ptrdiff_t pixels) {
  return detail::depthwise::walks(depthwise) && pixels >= detail::separable::least_pixels;
}

ODT_INLINE std::size_t separable_scratch(int threads) {
  return detail::separable::thread_memory(nullptr).bytes * static_cast<std::size_t>(threads);
}

ODT_INLINE void separable_forward(thread_pool& pool, const separable_stage& depthwise, const separable_stage& pointwise,
                                  const const_tensor& x, const shape& between, const tensor& y, std::byte* scratch) {
  using namespace detail::separable;
  const const_tensor nowhere = dense(static_cast<const float*>(nullptr), between);
  const gather a = detail::conv::forward_gather(pointwise.window, nowhere, y.extents());
  const auto given = [](const pending& finish) { return finish.none() ? nullptr : &finish; };
  const detail::conv::product_target target{.to = y, .bias = pointwise.bias, .finish = given(pointwise.finish)};
  const auto plan = detail::conv::product_plan::undivided(a.rows(), y.channels);
  tensor line{.width = between.width, .channels = between.channels};
  const std::size_t per_thread = thread_memory(nullptr).bytes;
  with_product(pointwise.window.compute, [&]<class Product>(Product) {
    pool.run(plan.jobs(), [&](int job, int thread) {
      const thread_memory memory(scratch + per_thread * static_cast<std::size_t>(thread));
      const depthwise_rows<Product> rows{
          {depthwise.window, x, depthwise.bias, line, nullptr, given(depthwise.finish)}, depthwise.weights, memory};
      detail::conv::chunk_product<Product, depthwise_rows<Product>>(a, rows, pointwise.weights, target, plan, job,
                                                                    memory.block)
          .run();
    });
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
