// SPDX-License-Identifier: MIT
// What the depthwise sweeps share that walk along a line with a vector of channels in registers: nothing is staged, the
// taps that lie outside are left out, and the next line is fetched meanwhile.
#pragma once

#include <odt/exec/cpu/convolution/convolution.hpp>
#include <odt/exec/cpu/machine/caches.hpp>
#include <odt/exec/cpu/machine/vector_tools.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::depthwise {

inline constexpr int most_lines = 64;  ///< tallest kernel
/// Pixels that are in registers together; fewer under sanitizers, whose checks would take minutes to compile.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr int group_pixels = 2;
#else
inline constexpr int group_pixels = 4;
#endif

/// How a tensor's lines are cut into jobs: bands, whose sums are apart, by the shapes alone, and blocks of channels so
/// that the lines in use together fill half of the L2 cache. `width` is that of the widest line.
struct walk_plan {
  int taps, block, blocks, bands, band_rows;
  std::ptrdiff_t padded_block;

  walk_plan(const window& w, const shape& lines, int width) : taps(w.kernel_height * w.kernel_width) {
    const std::ptrdiff_t fit =
        std::max<std::ptrdiff_t>(64, half_l2_floats() / (std::ptrdiff_t{width} * (w.kernel_height + 5)));
    block = static_cast<int>(round_up(ceil_div(lines.channels, ceil_div(lines.channels, fit)), 16));
    block = std::min(block, lines.channels);
    blocks = static_cast<int>(ceil_div(lines.channels, block));
    const auto wanted = static_cast<int>(ceil_div(16, std::max(1, lines.batch)));
    band_rows = static_cast<int>(ceil_div(lines.height, std::clamp(wanted, 1, lines.height)));
    bands = static_cast<int>(ceil_div(lines.height, band_rows));
    padded_block = round_up(block, 16) + 16;  // not a power of two: the taps would share sets of the cache
  }
  int chunks(int batch) const { return batch * bands; }
  int rows(int band, int height) const { return std::min(band_rows, height - band * band_rows); }

  /// The weights of a block, tap by tap.
  void pack(const float* weights, int channels, int channel, int count, float* to) const {
    for (int t = 0; t < taps; ++t)
      copy_channels(to + t * padded_block, weights + std::ptrdiff_t{t} * channels + channel, count, {}, channel);
  }
};

/// Fetches the channels of a block pixel after pixel, in the order in which they lie in memory.
class channel_prefetch {
 public:
  channel_prefetch(const float* from, std::ptrdiff_t step, int count) : pixel_(from), step_(step), count_(count) {}

  [[gnu::always_inline]] void read() {
    __builtin_prefetch(pixel_ + channel_, 0, 2);
    advance();
  }
  [[gnu::always_inline]] void write() {
    __builtin_prefetch(pixel_ + channel_, 1, 3);
    advance();
  }

 private:
  [[gnu::always_inline]] void advance() {
    channel_ += lanes;
    if (channel_ < count_) return;
    channel_ = 0;
    pixel_ += step_;
  }

  const float* pixel_;
  std::ptrdiff_t step_, channel_ = 0;
  int count_;
};

/// Calls body(first channel, channels) with a constant number of channels for whole vectors.
template <class Body>
[[gnu::always_inline]] inline void each_vector(int count, const Body& body) {
  std::ptrdiff_t c = 0;
  for (; c + lanes <= count; c += lanes) body(c, std::integral_constant<std::ptrdiff_t, lanes>{});
  if (c < count) body(c, count - c);
}

}  // namespace detail::depthwise

}  // namespace ODT_ISA
}  // namespace odt::cpu
