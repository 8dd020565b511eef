// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/exec/cpu/passes/group_norm.hpp>
#include <odt/exec/cpu/passes/walks.hpp>

#include <cmath>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::groups {

/// A value for each channel of a slice.
struct slice_table {
  alignas(64) float values[summed_channels] = {};

  template <class Value>
  slice_table(int begin, int end, const Value& value) {
    for (int c = begin; c < end; ++c) values[c - begin] = static_cast<float>(value(c));
  }
  [[gnu::always_inline]] vec at(int offset) const { return load(values + offset); }
};

/// A sum for each group of a job.
using group_sums = double[summed_channels];

/// Whole groups of one image that a thread works on together: their channels, in slices of summed_channels.
struct group_range {
  int image, first_group, last_group, size;  ///< `size`: channels of a group

  int begin() const { return first_group * size; }
  int end() const { return last_group * size; }
  int index(int channel) const { return channel / size - first_group; }

  /// body(first channel, last channel) for every slice.
  template <class Body>
  void each_slice(const Body& body) const {
    for (int c = begin(); c < end(); c += summed_channels) body(c, std::min(end(), c + summed_channels));
  }
};

/// body(group_range) for all groups of all images, shared among the threads.
template <class Body>
void each_range(thread_pool& pool, int groups, const shape& s, const Body& body) {
  if (groups < 1 || s.channels % groups != 0)
    fail("group norm: ", s.channels, " channels are not divisible into ", groups, " groups");
  const int size = s.channels / groups, together = std::max(1, summed_channels / size);
  const int ranges = static_cast<int>(ceil_div(groups, together));
  pool.run(s.batch * ranges, [&](int job, int) {
    const int first = job % ranges * together;
    body(group_range{job / ranges, first, std::min(groups, first + together), size});
  });
}

/// body(integral constant of vectors, first pixel, last pixel, channel) for all of a slice, in pieces of pixels that
/// add up in float.
template <class Body>
void each_chunk(const shape& s, int begin, int end, const Body& body) {
  const int pixels = s.height * s.width;
  for (int first = 0; first < pixels; first += summed_pixels)
    each_channel(begin, end,
                 [&](auto vectors, int c) { body(vectors, first, std::min(pixels, first + summed_pixels), c); });
}

/// body(pixel, channel, offset in the slice, channels that are left of the slice) for every vector of a slice.
template <class Body>
void each_vector_of(const shape& s, int begin, int end, const Body& body) {
  for (int p = 0; p < s.height * s.width; ++p)
    for (int c = begin; c < end; c += lanes) body(p, c, c - begin, end - c);
}

/// Adds the sums of a slice's values and of their squares to those of its channels' groups. Squares are summed as those
/// of the distances from a value nearby, so that they do not cancel.
ODT_INLINE void add_moments(const const_tensor& x, const group_range& r, int begin, int end, group_sums& sums,
                            group_sums& squares) {
  const auto join = [&](const vec& shift, const vec& sum, const vec& square, double count, int c) {
    double from[lanes] = {}, more[lanes] = {}, apart[lanes] = {};
    add_to(from, shift, lanes), add_to(more, sum, lanes), add_to(apart, square, lanes);
    for (int i = 0; i < std::min(lanes, end - c); ++i) {
      sums[r.index(c + i)] += more[i] + count * from[i];
      squares[r.index(c + i)] += apart[i] + from[i] * (2 * more[i] + count * from[i]);
    }
  };
  each_chunk(x.extents(), begin, end, [&](auto vectors, int first, int last, int c) {
    vec shift[vectors], sum[vectors], square[vectors];
    unroll<vectors>([&](auto v) {
      shift[v] = values_at(x, r.image, first, c + v * lanes, end - c - v * lanes);
      sum[v] = square[v] = vec(0.0f);
    });
    for (int p = first; p < last; ++p)
      unroll<vectors>([&](auto v) {
        const vec value = values_at(x, r.image, p, c + v * lanes, end - c - v * lanes) - shift[v];
        sum[v] += value;
        square[v] = multiply_add(value, value, square[v]);
      });
    unroll<vectors>([&](auto v) { join(shift[v], sum[v], square[v], last - first, c + v * lanes); });
  });
}

/// What group_norm_backward is given, and where its sums over each image's pixels go: those of dy and of dy*xhat,
/// [batch, stride].
struct backward_pass {
  const const_tensor& x;
  const const_tensor& dy;
  const float *mean, *inv_std, *gamma;
  int groups;
  float *sums, *products;
  std::ptrdiff_t stride;

  int group(const group_range& r, int channel) const { return r.image * groups + channel / r.size; }
  float factor(int channel) const { return gamma ? gamma[channel] : 1.0f; }
  slice_table means(const group_range& r, int begin, int end) const {
    return {begin, end, [&](int c) { return mean[group(r, c)]; }};
  }

  /// Sums of a slice; with gamma they are added to those of its channels' groups.
  void add_sums(const group_range& r, int begin, int end, group_sums& direct, group_sums& normal) const {
    const slice_table middle = means(r, begin, end);
    double sum[summed_channels] = {}, product[summed_channels] = {};
    each_chunk(x.extents(), begin, end, [&](auto vectors, int first, int last, int c) {
      vec s[vectors], t[vectors];
      unroll<vectors>([&](auto v) { s[v] = t[v] = vec(0.0f); });
      for (int p = first; p < last; ++p)
        unroll<vectors>([&](auto v) {
          const int at = c + v * lanes;
          const vec gradient = load_first(dy.pixel(r.image, 0, p) + at, end - at);
          s[v] += gradient;
          t[v] = multiply_add(gradient, values_at(x, r.image, p, at, end - at) - middle.at(at - begin), t[v]);
        });
      unroll<vectors>([&](auto v) {
        const int at = c + v * lanes;
        add_to(sum + at - begin, s[v], end - at);
        add_to(product + at - begin, t[v], end - at);
      });
    });
    for (int c = begin; c < end; ++c) {
      const double scaled = product[c - begin] * inv_std[group(r, c)];
      direct[r.index(c)] += factor(c) * sum[c - begin];
      normal[r.index(c)] += factor(c) * scaled;
      sums[r.image * stride + c] = static_cast<float>(sum[c - begin]);
      products[r.image * stride + c] = static_cast<float>(scaled);
    }
  }

  /// dx of a slice: scale*dy - less + (x - mean)*rise.
  void write(const group_range& r, int begin, int end, const group_sums& direct, const group_sums& normal,
             const tensor& dx, bool accumulate) const {
    const double share = 1.0 / (static_cast<double>(r.size) * x.height * x.width);
    const auto inverse = [&](int c) { return static_cast<double>(inv_std[group(r, c)]); };
    const slice_table middle = means(r, begin, end);
    const slice_table scale(begin, end, [&](int c) { return inverse(c) * factor(c); });
    const slice_table less(begin, end, [&](int c) { return inverse(c) * direct[r.index(c)] * share; });
    const slice_table rise(begin, end, [&](int c) { return -inverse(c) * inverse(c) * normal[r.index(c)] * share; });
    each_vector_of(x.extents(), begin, end, [&](int p, int c, int i, int left) {
      const vec apart = values_at(x, r.image, p, c, left) - middle.at(i);
      const vec gradient = load_first(dy.pixel(r.image, 0, p) + c, left) * scale.at(i) - less.at(i);
      vector_place(dx, r.image, p, c, left).put(multiply_add(apart, rise.at(i), gradient), accumulate);
    });
  }
};

}  // namespace detail::groups

ODT_INLINE void group_norm(thread_pool& pool, const group_norm_shape& g, const const_tensor& x, const float* gamma,
                           const float* beta, const tensor& y, float* mean, float* inv_std) {
  using namespace detail::groups;
  each_range(pool, g.groups, x.extents(), [&](const group_range& r) {
    group_sums sums = {}, squares = {};
    r.each_slice([&](int begin, int end) { add_moments(x, r, begin, end, sums, squares); });
    float *const means = mean + r.image * g.groups, *const inverses = inv_std + r.image * g.groups;
    for (int group = r.first_group; group < r.last_group; ++group) {
      const int i = group - r.first_group;
      const double count = static_cast<double>(r.size) * x.height * x.width, middle = sums[i] / count;
      const double variance = std::max(squares[i] / count - middle * middle, 0.0);
      means[group] = static_cast<float>(middle);
      inverses[group] = static_cast<float>(1 / std::sqrt(variance + static_cast<double>(g.epsilon)));
    }
    r.each_slice([&](int begin, int end) {
      const slice_table middle(begin, end, [&](int c) { return means[c / r.size]; });
      const slice_table scale(begin, end, [&](int c) { return inverses[c / r.size] * (gamma ? gamma[c] : 1.0f); });
      const slice_table shift(begin, end, [&](int c) { return beta ? beta[c] : 0.0f; });
      each_vector_of(x.extents(), begin, end, [&](int p, int c, int i, int left) {
        const vec value = values_at(x, r.image, p, c, left) - middle.at(i);
        store_first(y.pixel(r.image, 0, p) + c, multiply_add(value, scale.at(i), shift.at(i)), left);
      });
    });
  });
}

ODT_INLINE std::size_t group_norm_scratch(const shape& s) {
  return static_cast<std::size_t>(2 * s.batch * sums_stride(s.channels)) * sizeof(float);
}

ODT_INLINE void group_norm_backward(thread_pool& pool, const group_norm_shape& g, const const_tensor& x,
                                    const float* mean, const float* inv_std, const float* gamma, const const_tensor& dy,
                                    const tensor& dx, bool accumulate, float* dgamma, float* dbeta,
                                    std::byte* scratch) {
  using namespace detail::groups;
  const std::ptrdiff_t stride = sums_stride(x.channels);
  scratch_space space(scratch);
  float *const sums = space.take(x.batch * stride), *const products = space.take(x.batch * stride);
  const backward_pass pass{x, dy, mean, inv_std, gamma, g.groups, sums, products, stride};
  each_range(pool, g.groups, x.extents(), [&](const group_range& r) {
    group_sums direct = {}, normal = {};
    r.each_slice([&](int begin, int end) { pass.add_sums(r, begin, end, direct, normal); });
    if (!dx.data) return;
    r.each_slice([&](int begin, int end) { pass.write(r, begin, end, direct, normal, dx, accumulate); });
  });
  if (dgamma) join_sums(pool, products, stride, x.batch, x.channels, dgamma, false);
  if (dbeta) join_sums(pool, sums, stride, x.batch, x.channels, dbeta, false);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
