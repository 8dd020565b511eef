// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/passes/batch_norm.hpp>
#include <odt/exec/cpu/passes/walks.hpp>

#include <algorithm>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::norm {

/// A transform and the gate of its clamp, for a vector of channels.
struct gate {
  vector_transform transform;

  gate(const pending& p, std::ptrdiff_t channel, std::ptrdiff_t count) : transform(p, channel, count) {}

  [[gnu::always_inline]] vec operator()(const vec& z, const vec& dy) const {
    const vec y = transform.affine(z);
    return xsimd::select((y > transform.low) & (y < transform.high), dy, vec(0.0f));
  }
};

/// Sums of g and g*(z - mean) over a piece for `Vectors` vectors of channels from c on.
template <int Vectors>
void sum_gradients(const const_tensor& z, const tensor& dy, const float* mean, int image, int first, int pixels, int c,
                   float* sums, float* products) {
  const int rest = z.channels - c;
  const float* from = z.pixel(image, 0, 0) + first * z.pixel_stride + c;
  const float* gradient = dy.pixel(image, 0, 0) + first * dy.pixel_stride + c;
  vec sum[Vectors], product[Vectors], middle[Vectors];
  unroll<Vectors>([&](auto v) {
    sum[v] = product[v] = vec(0.0f);
    middle[v] = load_first(mean + c + v * lanes, rest - v * lanes);
  });
  const auto gates = [&]<int... V>(std::integer_sequence<int, V...>) {
    return std::array<gate, Vectors>{gate(z.transform, c + V * lanes, rest - V * lanes)...};
  }(std::make_integer_sequence<int, Vectors>{});
  for (int p = 0; p < pixels; ++p, from += z.pixel_stride, gradient += dy.pixel_stride)
    unroll<Vectors>([&](auto v) {
      const vec value = load_first(from + v * lanes, rest - v * lanes);
      const vec g = gates[v](value, load_first(gradient + v * lanes, rest - v * lanes));
      sum[v] += g;
      product[v] = multiply_add(g, value - middle[v], product[v]);
    });
  unroll<Vectors>([&](auto v) {
    store(sums + c + v * lanes, sum[v]);
    store(products + c + v * lanes, product[v]);
  });
}

/// dz = scale*(g - offset) + (z - mean)*slope, in place.
template <int Vectors>
void replace_gradients(const const_tensor& z, const tensor& dy, const float* mean, const float* offset,
                       const float* slope, int image, int first, int pixels, int c) {
  const int rest = z.channels - c;
  const float* from = z.pixel(image, 0, 0) + first * z.pixel_stride + c;
  float* gradient = dy.pixel(image, 0, 0) + first * dy.pixel_stride + c;
  vec middle[Vectors], less[Vectors], rise[Vectors];
  unroll<Vectors>([&](auto v) {
    middle[v] = load_first(mean + c + v * lanes, rest - v * lanes);
    less[v] = load_first(offset + c + v * lanes, rest - v * lanes);
    rise[v] = load_first(slope + c + v * lanes, rest - v * lanes);
  });
  const auto gates = [&]<int... V>(std::integer_sequence<int, V...>) {
    return std::array<gate, Vectors>{gate(z.transform, c + V * lanes, rest - V * lanes)...};
  }(std::make_integer_sequence<int, Vectors>{});
  for (int p = 0; p < pixels; ++p, from += z.pixel_stride, gradient += dy.pixel_stride)
    unroll<Vectors>([&](auto v) {
      const vec value = load_first(from + v * lanes, rest - v * lanes);
      const vec g = gates[v](value, load_first(gradient + v * lanes, rest - v * lanes));
      const vec dz = multiply_add(value - middle[v], rise[v], gates[v].transform.scale * (g - less[v]));
      store_first(gradient + v * lanes, dz, rest - v * lanes);
    });
}

/// Replaces both sums of each channel by those over all ranks, and gives how many pixels those have.
ODT_INLINE double share_sums(const rank_sums& shared, std::span<float> sum, std::span<float> product, double pixels) {
  std::vector<double> numbers(sum.begin(), sum.end());
  numbers.insert(numbers.end(), product.begin(), product.end());
  numbers.push_back(pixels);
  shared(numbers);
  for (std::size_t c = 0; c < sum.size(); ++c) {
    sum[c] = static_cast<float>(numbers[c]);
    product[c] = static_cast<float>(numbers[sum.size() + c]);
  }
  return numbers.back();
}

}  // namespace detail::norm

ODT_INLINE std::size_t batch_norm_scratch(const shape& s, int /*threads*/) {
  const std::ptrdiff_t pieces = std::max(pieces_of(s).count, pixel_pieces(s).count);
  return static_cast<std::size_t>(sums_stride(s.channels) * (3 * pieces + 4)) * sizeof(float);
}

ODT_INLINE void compute_statistics(thread_pool& pool, const const_tensor& x, const batch_statistics& statistics,
                                   std::byte* scratch) {
  const std::ptrdiff_t stride = sums_stride(x.channels);
  float* const moments = scratch_space(scratch).take(0);
  const pixel_pieces pieces = pieces_of(x.extents());
  each_piece(pool, x.extents(), [&](int piece, int image, int first, int pixels) {
    const float* from = x.pixel(image, 0, 0) + first * x.pixel_stride;
    for (int c = 0; c < x.channels; c += lanes) {
      const int rest = x.channels - c;
      const vector_transform transform(x.transform, c, rest);
      const vec shift = transform(load_first(from + c, rest));
      vec sum(0.0f), square(0.0f);
      for (int p = 0; p < pixels; ++p) {
        const vec value = transform(load_first(from + p * x.pixel_stride + c, rest)) - shift;
        sum += value;
        square = multiply_add(value, value, square);
      }
      float* to = moments + 3 * stride * piece + c;
      store(to, shift);
      store(to + stride, sum);
      store(to + 2 * stride, square);
    }
  });
  join_moments(
      pool, moments, pieces.count, [&](int piece) { return static_cast<double>(pieces.pixels(piece)); }, x.channels,
      statistics);
}

ODT_INLINE double share_statistics(const rank_sums& shared, int channels, double pixels,
                                   const batch_statistics& statistics) {
  const auto count = static_cast<std::size_t>(channels);
  std::vector<double> moments(2 * count + 1);
  for (std::size_t c = 0; c < count; ++c) {
    const double mean = statistics.mean[c];
    moments[c] = pixels * mean;
    moments[count + c] = pixels * (statistics.variance[c] + mean * mean);
  }
  moments.back() = pixels;
  shared(moments);
  for (std::size_t c = 0; c < count; ++c) {
    const double mean = moments[c] / moments.back();
    statistics.mean[c] = static_cast<float>(mean);
    statistics.variance[c] = static_cast<float>(std::max(0.0, moments[count + c] / moments.back() - mean * mean));
  }
  return moments.back();
}

ODT_INLINE void batch_norm_backward(thread_pool& pool, const const_tensor& z, const float* mean, const float* inv_std,
                                    const tensor& dy, float* dgamma, float* dbeta, bool frozen, std::byte* scratch,
                                    const gradient_sums* ready, const rank_sums& shared) {
  using namespace detail::norm;
  const pixel_pieces pieces = pieces_of(z.extents());
  const std::ptrdiff_t stride = sums_stride(z.channels);
  scratch_space space(scratch);
  float* const partial = space.take(2 * stride * pieces.count);
  float* const sums = space.take(2 * stride);
  float *const offset = space.take(stride), *const slope = space.take(stride);
  const bool summed = !frozen || dgamma || dbeta;
  if (ready) {
    std::copy_n(ready->sum, z.channels, sums);
    std::copy_n(ready->product, z.channels, sums + stride);
  } else if (summed) {
    each_piece(pool, z.extents(), [&](int piece, int image, int first, int pixels) {
      float* to = partial + 2 * stride * piece;
      each_channel(0, z.channels, [&](auto vectors, int c) {
        sum_gradients<vectors>(z, dy, mean, image, first, pixels, c, to, to + stride);
      });
    });
    join_sums(pool, partial, 2 * stride, pieces.count, stride + z.channels, sums, false);
  }
  if (dbeta) std::copy_n(sums, z.channels, dbeta);
  if (dgamma)
    for (int c = 0; c < z.channels; ++c) dgamma[c] = sums[stride + c] * inv_std[c];
  auto count = static_cast<float>(z.extents().pixels());
  if (const auto channels = static_cast<std::size_t>(z.channels); shared && !frozen)
    count = static_cast<float>(share_sums(shared, {sums, channels}, {sums + stride, channels}, count));
  for (int c = 0; c < z.channels; ++c) {
    offset[c] = frozen ? 0.0f : sums[c] / count;
    slope[c] = frozen ? 0.0f : -z.transform.scale[c] * inv_std[c] * (sums[stride + c] * inv_std[c]) / count;
  }
  each_piece(pool, z.extents(), [&](int, int image, int first, int pixels) {
    each_channel(0, z.channels, [&](auto vectors, int c) {
      replace_gradients<vectors>(z, dy, mean, offset, slope, image, first, pixels, c);
    });
  });
}

ODT_INLINE void activation_backward(thread_pool& pool, const const_tensor& z, const tensor& dy) {
  each_piece(pool, z.extents(), [&](int, int image, int first, int pixels) {
    for (int c = 0; c < z.channels; c += lanes) {
      const int rest = z.channels - c;
      const detail::norm::gate gate(z.transform, c, rest);
      for (int p = first; p < first + pixels; ++p) {
        float* gradient = dy.pixel(image, 0, 0) + p * dy.pixel_stride + c;
        const vec value = load_first(z.pixel(image, 0, 0) + p * z.pixel_stride + c, rest);
        store_first(gradient, gate.transform.scale * gate(value, load_first(gradient, rest)), rest);
      }
    }
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
