// SPDX-License-Identifier: MIT
// How the matrix products of convolutions are cut into jobs and what memory they need. All of it follows from the
// shapes, never from the number of threads, so that results do not either.
#pragma once

#include <odt/exec/cpu/convolution/convolution.hpp>
#include <odt/exec/cpu/convolution/gather.hpp>
#include <odt/exec/met_taps.hpp>

#include <numeric>

namespace odt::cpu {
inline namespace ODT_ISA {
namespace detail::conv {

inline constexpr int chunk_rows = 224;                  ///< most rows of a packed block of A: it stays in the L2 cache
inline constexpr int wide_panels = 512 / tile_columns;  ///< most panels that a chunk of C is wide when it is read again
inline constexpr int weight_depth = 128;                ///< elements of the sum in a block of the weights' gradient
inline constexpr int weight_panels = 256 / tile_columns;  ///< panels of a job of the weights' gradient
inline constexpr int jobs_apart = 8;  ///< jobs come in multiples of this: equal shares for 2, 4 and 8 threads
inline constexpr std::ptrdiff_t block_floats = std::ptrdiff_t{chunk_rows} * block_stride;

/// Piece i of `parts` nearly equal ones of [0, count).
inline std::ptrdiff_t piece(std::ptrdiff_t count, std::ptrdiff_t parts, std::ptrdiff_t i) { return count * i / parts; }

/// A product's rows are cut into chunks and its panels of columns into groups: a job is a chunk times a group.
struct product_plan {
  std::ptrdiff_t rows = 0;
  int chunks = 1, groups = 1, panels = 1;

  product_plan(std::ptrdiff_t row_count, std::ptrdiff_t columns, std::ptrdiff_t depth) : rows(row_count) {
    panels = static_cast<int>(ceil_div(columns, tile_columns));
    double best = 0;
    const int least = depth > block_width ? static_cast<int>(ceil_div(panels, wide_panels)) : 1;
    for (int g = 1; g <= jobs_apart; g *= 2) {
      const int parts = std::min(std::max(g, least), panels);
      const int count = chunks_for(parts);
      // Reading and packing A once a group, against passing B through the caches once a chunk.
      const double cost =
          3.0 * parts * static_cast<double>(rows) + static_cast<double>(count) * static_cast<double>(columns);
      if (g > 1 && cost >= best) continue;
      best = cost, groups = parts, chunks = count;
    }
  }
  /// One group: each row is made once.
  static product_plan undivided(std::ptrdiff_t row_count, std::ptrdiff_t columns) {
    product_plan plan;
    plan.rows = row_count;
    plan.chunks = plan.chunks_for(1);
    plan.panels = static_cast<int>(ceil_div(columns, tile_columns));
    return plan;
  }
  int jobs() const { return chunks * groups; }
  std::ptrdiff_t first_row(int chunk) const { return piece(rows, chunks, chunk); }
  int chunk_size(int chunk) const { return static_cast<int>(first_row(chunk + 1) - first_row(chunk)); }
  int first_panel(int group) const { return static_cast<int>(piece(panels, groups, group)); }

 private:
  product_plan() = default;

  int chunks_for(int parts) const {
    const std::ptrdiff_t unit = jobs_apart / std::gcd(parts, jobs_apart);
    const std::ptrdiff_t whole = round_up(std::max<std::ptrdiff_t>(1, ceil_div(rows, chunk_rows)), unit);
    return static_cast<int>(
        std::clamp<std::ptrdiff_t>(whole, 1, std::max<std::ptrdiff_t>(1, ceil_div(rows, tile_rows))));
  }
};

/// Terms of an output's sum.
inline std::ptrdiff_t kernel_depth(const window& w, int in_channels) {
  return std::ptrdiff_t{1} * w.kernel_height * w.kernel_width * in_channels;
}

/// How the weights' gradient (taps*in rows, out columns, a sum over all pixels) is cut into jobs.
struct weights_plan {
  std::ptrdiff_t rows, pixels;
  int row_parts, panels, groups, pixel_parts;

  weights_plan(const window& w, int in_channels, int out_channels, std::ptrdiff_t pixel_count)
      : rows(kernel_depth(w, in_channels)), pixels(pixel_count) {
    row_parts = static_cast<int>(ceil_div(rows, block_width));
    panels = static_cast<int>(ceil_div(out_channels, tile_columns));
    groups = static_cast<int>(ceil_div(panels, weight_panels));
    const int tiles = row_parts * groups;
    const int wanted = static_cast<int>(ceil_div(rows * out_channels < 131072 ? 16 : 8, tiles));
    const auto most = static_cast<int>(std::max<std::ptrdiff_t>(1, pixels / 256));
    pixel_parts = std::clamp(wanted, 1, most);
    const auto uneven = [&](int parts) { return tiles * parts < 4 * jobs_apart && tiles * parts % jobs_apart != 0; };
    int even = pixel_parts;
    while (uneven(even)) ++even;
    if (even <= most) pixel_parts = even;
  }
  int jobs() const { return row_parts * groups * pixel_parts; }
};

/// Where the output's position `out` along an axis looks in the input.
inline gather_axis forward_axis(int out, int in, int kernel, int stride, int rate, int pad) {
  return {.size = out, .source = in, .step = stride, .offset = -pad, .taps = kernel, .delta = rate};
}

inline gather forward_gather(const window& w, const const_tensor& x, const shape& out) {
  return {x, forward_axis(out.height, x.height, w.kernel_height, w.stride_height, w.rate, w.pad_top),
          forward_axis(out.width, x.width, w.kernel_width, w.stride_width, w.rate, w.pad_left)};
}

/// Input positions of one residue modulo the stride, and the taps that meet them. Taps descend, so that source
/// positions ascend.
inline gather_axis backward_axis(int in, int out, int kernel, int stride, int rate, int pad, int phase) {
  const met_taps met(phase, in, kernel, stride, rate, pad);
  gather_axis axis{.size = met.pixels, .source = out, .target_step = stride, .target_offset = phase};
  axis.taps = met.count;
  axis.tap_step = -met.step;
  axis.delta = met.source_step;
  if (met.count > 0) axis.first_tap = met.last(), axis.offset = met.last_source();
  return axis;
}

/// Calls body(y axis, x axis) for each residue of the strides.
template <class Body>
void each_phase(const window& w, const shape& in, const shape& out, const Body& body) {
  for (int py = 0; py < w.stride_height; ++py)
    for (int px = 0; px < w.stride_width; ++px) {
      const auto y = backward_axis(in.height, out.height, w.kernel_height, w.stride_height, w.rate, w.pad_top, py);
      const auto x = backward_axis(in.width, out.width, w.kernel_width, w.stride_width, w.rate, w.pad_left, px);
      if (y.size > 0 && x.size > 0) body(y, x);
    }
}

/// Asks for rows of a pointwise gather before they are packed: the products of one block hide the next one's way from
/// memory.
class row_prefetch {
 public:
  /// Rows [first, last), floats [begin, end) of each, in `calls` calls.
  row_prefetch(const const_tensor& s, bool pointwise, std::ptrdiff_t first, std::ptrdiff_t last, std::ptrdiff_t begin,
               std::ptrdiff_t end, std::ptrdiff_t calls)
      : source_(s), begin_(begin), width_(end - begin), at_(first), last_(last) {
    const bool linear = pointwise && s.image_stride == std::ptrdiff_t{1} * s.height * s.width * s.pixel_stride;
    if (!linear) last_ = at_;
    step_ = ceil_div(std::max<std::ptrdiff_t>(0, last_ - at_), std::max<std::ptrdiff_t>(1, calls));
  }
  void operator()() {
    constexpr std::ptrdiff_t line = 16;
    for (const std::ptrdiff_t upto = std::min(last_, at_ + step_); at_ < upto; ++at_) {
      const float* row = source_.data + at_ * source_.pixel_stride + begin_;
      for (std::ptrdiff_t i = 0; i < width_; i += line) __builtin_prefetch(row + i, 0, 2);
    }
  }

 private:
  const const_tensor& source_;
  std::ptrdiff_t begin_, width_, at_, last_, step_;
};

inline constexpr std::ptrdiff_t weight_block_floats =
    std::ptrdiff_t{weight_depth} * (block_width + column_stride * 2 + weight_panels * tile_columns) +
    std::ptrdiff_t{weight_depth} * column_stride * ceil_div(block_width, tile_rows);
static_assert(weight_block_floats - weight_depth * weight_panels * tile_columns >= block_width * block_stride,
              "rows of the weights' gradient turned for AMX fit");

/// Memory of the forward and the data's direction.
struct forward_memory {
  float *panels, *moments, *blocks;
  forward_memory(scratch_space& space, const window& w, const shape& in, const shape& out, int threads) {
    const std::ptrdiff_t depth = kernel_depth(w, in.channels);
    panels = space.take(panels_size(depth, out.channels));
    moments = space.take(3 * sums_stride(out.channels) * product_plan(out.pixels(), out.channels, depth).chunks);
    blocks = space.take(block_floats * threads);
  }
};

struct backward_memory {
  float *panels, *partial, *blocks;
  std::int32_t *marks, *reached, *list;
  backward_memory(scratch_space& space, const window& w, const shape& in, const shape& out, int threads) {
    panels = space.take(panels_size(kernel_depth(w, out.channels), in.channels));
    partial = space.take(gradient_sums_size(in.channels, chunks(w, in, out)));
    blocks = space.take(block_floats * threads);
    marks = reinterpret_cast<std::int32_t*>(space.take(out.pixels()));
    reached = reinterpret_cast<std::int32_t*>(space.take(in.pixels()));
    list = reinterpret_cast<std::int32_t*>(space.take(in.pixels()));
  }

  static int chunks(const window& w, const shape& in, const shape& out) {
    int count = 0;
    each_phase(w, in, out, [&](const gather_axis& y, const gather_axis& x) {
      const std::ptrdiff_t depth = std::ptrdiff_t{1} * y.taps * x.taps * out.channels;
      count += product_plan(std::ptrdiff_t{1} * in.batch * y.size * x.size, in.channels, depth).chunks;
    });
    return count;
  }
};

struct weights_memory {
  float *partial, *bias, *blocks;
  std::int32_t *marks, *list;
  weights_memory(scratch_space& space, const window& w, const shape& in, const shape& out, int threads) {
    const weights_plan plan(w, in.channels, out.channels, out.pixels());
    partial = space.take(plan.pixel_parts > 1 ? plan.rows * out.channels * plan.pixel_parts : 0);
    bias = space.take(sums_stride(out.channels) * pixel_pieces(out).count);
    blocks = space.take(weight_block_floats * threads);
    marks = reinterpret_cast<std::int32_t*>(space.take(out.pixels()));
    list = reinterpret_cast<std::int32_t*>(space.take(out.pixels()));
  }
};

}  // namespace detail::conv
}  // namespace ODT_ISA
}  // namespace odt::cpu
