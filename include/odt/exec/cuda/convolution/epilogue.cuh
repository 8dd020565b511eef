// SPDX-License-Identifier: MIT
// What becomes of a finished tile of a convolution: bias, activation or addition, and sums per channel over all that
// the block stores.
#pragma once

#include <odt/exec/cuda/machine/fast_division.hpp>
#include <odt/exec/cuda/machine/vectors.cuh>

#include <type_traits>

namespace odt::cuda {

/// Where columns of a product go.
template <class E>
struct output_columns {
  tensor<E> y{};
  const float* bias = nullptr;
};

/// The predictions of one head or of two, float in every precision. As an epilogue's Out: columns from `split` on go to
/// `second`.
struct predictions {
  output_columns<float> second{};
  int split = 0;
};

/// Of an epilogue's Out.
template <class Out>
struct output_traits {
  using element = Out;
  struct nothing {};
  using more = nothing;
};
template <>
struct output_traits<predictions> {
  using element = float;
  using more = predictions;
};

/// Where a product goes. T: the type of z, Out: that of the output, or predictions.
template <class T, class Out>
struct epilogue : output_columns<typename output_traits<Out>::element> {
  using element = typename output_traits<Out>::element;
  using columns = output_columns<element>;

  typename output_traits<Out>::more more{};
  fast_division pixels{};  ///< of an image of y
  pending finish{};
  bool finishes = false;
  bool accumulate = false;
  bool dense = false;    ///< image after image without gaps, y and z alike
  bool vectors = false;  ///< eight channels may be loaded and stored at once, of y and z alike
  partial_sums moments_of{};
  gradient_sums<T> sums{};

  epilogue(const tensor<element>& to, const gradient_sums<T>& wanted)
      : columns{to},
        pixels(to.height * to.width),
        dense(without_gaps(to) && (!wanted.rows.at || without_gaps(wanted.z.x))),
        vectors(in_vectors(to) && (!wanted.rows.at || in_vectors(wanted.z.x))),
        sums(wanted) {}

  template <class Any>
  static bool without_gaps(const tensor<Any>& t) {
    return t.image_stride == std::int64_t{1} * t.height * t.width * t.pixel_stride;
  }
  template <class Any>
  static bool in_vectors(const tensor<Any>& t) {
    return t.channels % 8 == 0 && t.pixel_stride % 8 == 0 && t.image_stride % 8 == 0 &&
           reinterpret_cast<std::uintptr_t>(t.data) % 16 == 0;
  }

  /// Where a column goes.
  __device__ const columns& columns_at(int column) const {
    if constexpr (std::is_same_v<Out, predictions>)
      if (column >= more.split) return more.second;
    return *this;
  }
  /// As which channel.
  __device__ int channel_at(int column) const {
    if constexpr (std::is_same_v<Out, predictions>)
      if (column >= more.split) return column - more.split;
    return column;
  }

  /// Pixel m of y, counted image after image.
  __device__ pixel_place place(int m) const {
    if (dense) return {0, m};
    const int image = pixels.quotient(m);
    return {image, pixels.remainder(m, image)};
  }
};

/// Moments of a column, about its first value so that the squares do not cancel.
struct column_moments {
  float shift = 0, sum = 0, square = 0;

  __device__ void add(float x) {
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

/// Neighbours as they lie in memory, Width of them; loaded at once.
template <class E, int Width>
struct alignas(Width == 1 ? sizeof(E) : 16) packet {
  E at[Width];

  __device__ static packet from(const E* memory, bool there) {
    packet p;
    if constexpr (Width == 1) {
      p.at[0] = there ? *memory : from_float<E>(0.0f);
    } else {
#pragma unroll
      for (int i = 0; i < static_cast<int>(sizeof(packet) / 16); ++i)
        reinterpret_cast<uint4*>(p.at)[i] = there ? reinterpret_cast<const uint4*>(memory)[i] : uint4{0, 0, 0, 0};
    }
    return p;
  }
};

/// Stores the tiles of one block, column by column or eight columns at a time: a thread keeps its columns, and takes
/// turns with others at the rows.
/// Backward: adds and sums gradients; else bias, activation, moments.
template <class T, class Out, int M, int N, bool Backward>
class tile_writer {
  using element = typename epilogue<T, Out>::element;

  template <int Width>
  struct division {
    static constexpr int threads = N / Width, groups = 256 / threads;
    static constexpr int passes = (M / 2 + groups - 1) / groups, most = N == 128 ? 4 : 2;
    static constexpr int batch = passes < most ? passes : most;  ///< rows that a thread works on at once
    __device__ static int column() { return static_cast<int>(threadIdx.x) % threads * Width; }
    __device__ static int group() { return static_cast<int>(threadIdx.x) / threads; }
  };

 public:
  static constexpr int stride = N + 8;  ///< of the staged tile, floats
  static constexpr int sums_needed = division<8>::groups * N * 3;
  static constexpr int floats_needed = M / 2 * stride > sums_needed ? M / 2 * stride : sums_needed;

  __device__ tile_writer(const epilogue<T, Out>& e, int first_column) : e_(e), first_(first_column) {}

  /// Stores M/2 staged rows, the first of which is row `first` of the product's `rows`. place(m): row m's pixel of y.
  template <class Place>
  __device__ void write(const float* staged, int first, int rows, const Place& place) {
    const int last = rows - first < M / 2 ? rows - first : M / 2;
    e_.vectors ? write_rows<8>(staged, first, last, place) : write_rows<1>(staged, first, last, place);
  }

  /// After the last tile: leaves the block's sums as part `part`. `shared` is free memory of floats_needed floats.
  __device__ void leave(float* shared, int part) const {
    if (!Backward && e_.moments_of.at) e_.vectors ? leave_moments<8>(shared, part) : leave_moments<1>(shared, part);
    if (Backward && e_.sums.rows.at) e_.vectors ? leave_sums<8>(shared, part) : leave_sums<1>(shared, part);
  }

 private:
  template <int Width, class Place>
  __device__ void write_rows(const float* staged, int first, int last, const Place& place) {
    using own = division<Width>;
    const output_columns<element>& to = e_.columns_at(first_ + own::column());
    if (e_.channel_at(first_ + own::column()) >= to.y.channels) return;
    for (int r = own::group(); r < last; r += own::groups * own::batch)
      write_batch<Width>(staged, first, r, last, place, to);
  }

  /// Some rows at once: what all of them load is on its way before the first is needed.
  template <int Width, class Place>
  __device__ void write_batch(const float* staged, int first, int r, int last, const Place& place,
                              const output_columns<element>& out) {
    using own = division<Width>;
    const int channel = e_.channel_at(first_ + own::column());
    element* to[own::batch];
    packet<T, Width> z[own::batch];
    packet<element, Width> before[own::batch];
#pragma unroll
    for (int i = 0; i < own::batch; ++i) {
      const bool there = r + i * own::groups < last;
      const auto [image, pixel] = place(there ? first + r + i * own::groups : first + r);
      to[i] = out.y.data + image * out.y.image_stride + pixel * out.y.pixel_stride + channel;
      if (Backward && e_.sums.rows.at) {
        const auto& x = e_.sums.z.x;
        z[i] = packet<T, Width>::from(x.data + image * x.image_stride + pixel * x.pixel_stride + channel, there);
      }
      if (Backward && e_.accumulate) before[i] = packet<element, Width>::from(to[i], there);
    }
#pragma unroll
    for (int i = 0; i < own::batch; ++i) {
      if (r + i * own::groups >= last) break;
      floats<Width> v;
      const float* const from = staged + (r + i * own::groups) * stride + own::column();
#pragma unroll
      for (int c = 0; c < Width; c += 4) {
        const floats<(Width < 4 ? 1 : 4)> part = load<(Width < 4 ? 1 : 4)>(from + c);
#pragma unroll
        for (int k = 0; k < (Width < 4 ? 1 : 4); ++k) v[c + k] = part[k];
      }
      if constexpr (!Backward) finish(v, channel, out.bias);
      if (Backward && e_.accumulate) {
        const floats<Width> old = load<Width>(before[i].at);
#pragma unroll
        for (int c = 0; c < Width; ++c) v[c] += old[c];
      }
      store<Width>(to[i], v);
#pragma unroll
      for (int c = 0; c < Width; ++c) v[c] = to_float(from_float<element>(v[c]));
      if (!Backward && e_.moments_of.at) add_moments(v);
      if (Backward && e_.sums.rows.at) add_sums(v, load<Width>(z[i].at), channel);
    }
  }

  /// Bias and activation.
  template <int Width>
  __device__ void finish(floats<Width>& v, int channel, const float* bias) const {
    if (bias)
#pragma unroll
      for (int c = 0; c < Width; ++c) v[c] += bias[channel + c];
    if (!e_.finishes) return;
    const affine<Width> how(e_.finish, channel);
#pragma unroll
    for (int c = 0; c < Width; ++c) v[c] = how(v[c], c);
  }

  template <int Width>
  __device__ void add_moments(const floats<Width>& v) {
#pragma unroll
    for (int c = 0; c < Width; ++c) {
      if (count_ == 0) columns_[c].shift = v[c];
      columns_[c].add(v[c]);
    }
    ++count_;
  }

  template <int Width>
  __device__ void add_sums(const floats<Width>& v, const floats<Width>& z, int channel) {
    const affine<Width> gate(e_.sums.z.transform, channel);
#pragma unroll
    for (int c = 0; c < Width; ++c) {
      const float g = gate.open(z[c], c) ? v[c] : 0.0f;
      columns_[c].sum += g;
      columns_[c].square = fmaf(g, z[c] - e_.sums.mean[channel + c], columns_[c].square);
    }
  }

  /// Calls body(column of the tile, channel) for the columns that this thread joins.
  template <class Body>
  __device__ void each_column(const Body& body) const {
    for (int c = static_cast<int>(threadIdx.x); c < N; c += 256)
      if (first_ + c < e_.y.channels) body(c, first_ + c);
  }

  template <int Width>
  __device__ void leave_moments(float* shared, int part) const {
    using own = division<Width>;
    __syncthreads();
    const float n = static_cast<float>(count_);
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      float* to = shared + (own::group() * N + own::column() + i) * 3;
      const column_moments& c = columns_[i];
      to[0] = n;
      to[1] = n > 0 ? c.shift + c.sum / n : 0.0f;
      to[2] = n > 0 ? fmaxf(c.square - c.sum * c.sum / n, 0.0f) : 0.0f;
    }
    __syncthreads();
    each_column([&](int column, int channel) {
      float count = 0, mean = 0, m2 = 0;
      for (int g = 0; g < own::groups; ++g) {
        const float* from = shared + (g * N + column) * 3;
        join(count, mean, m2, from[0], from[1], from[2]);
      }
      float* to = e_.moments_of.at + 3 * part * e_.moments_of.stride + channel;
      to[0] = count, to[e_.moments_of.stride] = mean, to[2 * e_.moments_of.stride] = m2;
    });
  }

  template <int Width>
  __device__ void leave_sums(float* shared, int part) const {
    using own = division<Width>;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      float* to = shared + (own::group() * N + own::column() + i) * 2;
      to[0] = columns_[i].sum, to[1] = columns_[i].square;
    }
    __syncthreads();
    each_column([&](int column, int channel) {
      float sum = 0, product = 0;
      for (int g = 0; g < own::groups; ++g)
        sum += shared[(g * N + column) * 2], product += shared[(g * N + column) * 2 + 1];
      float* to = e_.sums.rows.at + 2 * part * e_.sums.rows.stride + channel;
      to[0] = sum, to[e_.sums.rows.stride] = product;
    });
  }

  const epilogue<T, Out>& e_;
  int first_, count_ = 0;
  column_moments columns_[8];
};

}  // namespace odt::cuda
