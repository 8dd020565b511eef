// SPDX-License-Identifier: MIT
// What becomes of a finished tile of a convolution: bias, activation or addition, and sums per channel over all that
// the block stores.
#pragma once

#include <odt/exec/cuda/fast_division.hpp>
#include <odt/exec/cuda/vectors.cuh>

namespace odt::cuda {

/// Where a product goes. T: the type of z, Out: that of the output.
template <class T, class Out>
struct epilogue {
  tensor<Out> y{};
  fast_division pixels{};  ///< of an image of y
  const float* bias = nullptr;
  pending finish{};
  bool finishes = false;
  bool accumulate = false;
  bool pairs = false;    ///< two channels may be stored at once
  bool z_pairs = false;  ///< two channels of z may be loaded at once
  bool dense = false;    ///< image after image without gaps, y and z alike
  partial_sums moments_of{};
  gradient_sums<T> sums{};

  epilogue(const tensor<Out>& to, const gradient_sums<T>& wanted)
      : y(to),
        pixels(to.height * to.width),
        pairs(in_pairs(to)),
        z_pairs(in_pairs(wanted.z.x)),
        dense(without_gaps(to) && (!wanted.rows.at || without_gaps(wanted.z.x))),
        sums(wanted) {}

 private:
  template <class Any>
  static bool without_gaps(const tensor<Any>& t) {
    return t.image_stride == std::int64_t{1} * t.height * t.width * t.pixel_stride;
  }
  template <class Any>
  static bool in_pairs(const tensor<Any>& t) {
    return t.channels % 2 == 0 && t.pixel_stride % 2 == 0 && t.image_stride % 2 == 0 &&
           reinterpret_cast<std::uintptr_t>(t.data) % (2 * sizeof(Any)) == 0;
  }
};

/// Moments of a column, about its first value so that the squares do not cancel.
struct column_moments {
  float shift = 0, sum = 0, square = 0;

  __device__ void add(float x, bool first) {
    if (first) shift = x;
    const float d = x - shift;
    sum += d;
    square = fmaf(d, d, square);
  }
};

/// Joins (count, mean, m2) of two disjoint sets (Chan et al., 1979).
__device__ inline void join(float& count, float& mean, float& m2, float other_count, float other_mean, float other_m2) {
  if (other_count == 0) return;
  const float total = count + other_count, apart = other_mean - mean, share = other_count / total;
  mean = fmaf(apart, share, mean);
  m2 += other_m2 + apart * apart * count * share;
  count = total;
}

/// The columns of one block's tiles, each held by block_threads / (N/2) threads that take turns at its rows.
template <class T, class Out, int M, int N>
class tile_writer {
  static constexpr int groups = 256 / (N / 2);

 public:
  static constexpr int stride = N + 8;  ///< of the staged tile, floats
  static constexpr int floats_needed = (M / 2 * stride > groups * N * 3) ? M / 2 * stride : groups * N * 3;

  __device__ tile_writer(const epilogue<T, Out>& e, int first_column)
      : e_(e), column_(static_cast<int>(threadIdx.x) % (N / 2) * 2), channel_(first_column + column_) {}

  /// Stores M/2 staged rows, the first of which is row `first` of the product's `rows`.
  __device__ void write(const float* staged, int first, int rows) {
    const int width = e_.y.channels - channel_;
    if (width <= 0) return;
    const gates z(e_.sums, channel_, width);
    const int last = rows - first < M / 2 ? rows - first : M / 2;
#pragma unroll 4
    for (int r = group(); r < last; r += groups) {
      const int m = first + r, image = e_.dense ? 0 : e_.pixels.quotient(m), pixel = e_.pixels.remainder(m, image);
      const float2 both = *reinterpret_cast<const float2*>(staged + r * stride + column_);
      floats<2> v{both.x, both.y};
      Out* to = e_.y.data + image * e_.y.image_stride + pixel * e_.y.pixel_stride + channel_;
      finish(v, to, width);
      put(v, to, width);
      add_to_sums(v, z, image, pixel, width);
      ++count_;
    }
  }

  /// After the last tile: leaves the block's sums in row group `part`. `shared` is free memory of floats_needed floats.
  __device__ void leave(float* shared, int part) const {
    if (e_.moments_of.at) leave_moments(shared, part);
    if (e_.sums.rows.at) leave_sums(shared, part);
  }

 private:
  /// What the two columns need of z.
  struct gates {
    float scale[2] = {}, shift[2] = {}, mean[2] = {};

    __device__ gates(const gradient_sums<T>& s, int channel, int width) {
      if (!s.rows.at) return;
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        if (i >= width) break;
        scale[i] = s.z.transform.scale ? s.z.transform.scale[channel + i] : 1.0f;
        shift[i] = s.z.transform.scale ? s.z.transform.shift[channel + i] : 0.0f;
        mean[i] = s.mean[channel + i];
      }
    }
  };

  __device__ static int group() { return static_cast<int>(threadIdx.x) / (N / 2); }

  __device__ void finish(floats<2>& v, const Out* to, int width) const {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      if (i >= width) break;
      if (e_.bias) v[i] += e_.bias[channel_ + i];
      if (e_.finishes) v[i] = affine<1>(e_.finish, channel_ + i)(v[i], 0);
      if (e_.accumulate) v[i] += to_float(to[i]);
      v[i] = to_float(from_float<Out>(v[i]));
    }
  }

  __device__ void put(const floats<2>& v, Out* to, int width) const {
    if (e_.pairs) return store<2>(to, v);
    to[0] = from_float<Out>(v[0]);
    if (width > 1) to[1] = from_float<Out>(v[1]);
  }

  __device__ void add_to_sums(const floats<2>& v, const gates& gate, int image, int pixel, int width) {
    if (e_.moments_of.at) {
#pragma unroll
      for (int i = 0; i < 2; ++i) columns_[i].add(v[i], count_ == 0);
    }
    if (!e_.sums.rows.at) return;
    const auto& z = e_.sums.z.x;
    const T* from = z.data + image * z.image_stride + pixel * z.pixel_stride + channel_;
    floats<2> values{0, 0};
    if (e_.z_pairs)
      values = load<2>(from);
    else
      for (int i = 0; i < 2 && i < width; ++i) values[i] = to_float(from[i]);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const float y = fmaf(values[i], gate.scale[i], gate.shift[i]);
      const float g = y > e_.sums.z.transform.low && y < e_.sums.z.transform.high && i < width ? v[i] : 0.0f;
      columns_[i].sum += g;
      columns_[i].square = fmaf(g, values[i] - gate.mean[i], columns_[i].square);
    }
  }

  __device__ void leave_moments(float* shared, int part) const {
    __syncthreads();
    const float n = static_cast<float>(count_);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float* to = shared + (group() * N + column_ + i) * 3;
      const column_moments& c = columns_[i];
      to[0] = n;
      to[1] = n > 0 ? c.shift + c.sum / n : 0.0f;
      to[2] = n > 0 ? fmaxf(c.square - c.sum * c.sum / n, 0.0f) : 0.0f;
    }
    __syncthreads();
    for (int c = threadIdx.x; c < N; c += 256) {
      const int channel = channel_ - column_ + c;
      if (channel >= e_.y.channels) continue;
      float count = 0, mean = 0, m2 = 0;
      for (int g = 0; g < groups; ++g) {
        const float* from = shared + (g * N + c) * 3;
        join(count, mean, m2, from[0], from[1], from[2]);
      }
      float* to = e_.moments_of.at + 3 * part * e_.moments_of.stride + channel;
      to[0] = count, to[e_.moments_of.stride] = mean, to[2 * e_.moments_of.stride] = m2;
    }
  }

  __device__ void leave_sums(float* shared, int part) const {
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float* to = shared + (group() * N + column_ + i) * 2;
      to[0] = columns_[i].sum, to[1] = columns_[i].square;
    }
    __syncthreads();
    for (int c = threadIdx.x; c < N; c += 256) {
      const int channel = channel_ - column_ + c;
      if (channel >= e_.y.channels) continue;
      float sum = 0, product = 0;
      for (int g = 0; g < groups; ++g) sum += shared[(g * N + c) * 2], product += shared[(g * N + c) * 2 + 1];
      float* to = e_.sums.rows.at + 2 * part * e_.sums.rows.stride + channel;
      to[0] = sum, to[e_.sums.rows.stride] = product;
    }
  }

  const epilogue<T, Out>& e_;
  int column_, channel_, count_ = 0;
  column_moments columns_[2];
};

}  // namespace odt::cuda
