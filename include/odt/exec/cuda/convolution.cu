// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/convolution.hpp>
#include <odt/exec/cuda/epilogue.cuh>
#include <odt/exec/cuda/error.hpp>
#include <odt/exec/cuda/gather.cuh>

#include <algorithm>

namespace odt::cuda {

namespace {

/// Everything that one launch needs. S: the type of what is gathered, T: that of the weights and of the product's
/// factors.
template <class T, class S, class Out>
struct convolution_job {
  gather<S> left;
  const T* weights;   // forward: [k][weight_stride]; data gradient: [tap][n][weight_stride]
  int weight_stride;  // packed output channels of the convolution
  int columns;        // of the product
  std::int64_t rows;  // of the product
  epilogue<T, Out> out;
};

/// The left factor's part of one step, on its way from memory to shared memory: each thread holds 8 columns of M/64
/// rows.
template <class T, class S, gathering How, int M>
class left_loader {
  static constexpr int count = M / 64;

 public:
  __device__ left_loader(const gather<S>& g, std::int64_t first, std::int64_t rows) : g_(g) {
#pragma unroll
    for (int i = 0; i < count; ++i) rows_[i] = gathered_row::of<How>(g, first + row(i), rows);
  }

  __device__ void fetch(int k) {
    const int mine = k + column();
    if constexpr (How == gathering::elements) {
#pragma unroll
      for (int i = 0; i < count; ++i) next_[i] = gather_elements<T, How>(g_, rows_[i], mine);
    } else {
      const gathered_column c = gathered_column::of<How>(g_, mine);
      channel_ = c.channel;
#pragma unroll
      for (int i = 0; i < count; ++i) {
        std::int64_t at = -1;
        if constexpr (How == gathering::pointwise)
          at = rows_[i].inside ? rows_[i].base : -1;
        else
          at = rows_[i].at(g_, c.tap_y, c.tap_x);
        there_[i] = c.inside && at >= 0;
        next_[i] = there_[i] ? eight<T>::from(g_.source.data + at + c.channel) : eight<T>::zeros();
      }
    }
  }

  __device__ void commit(T* tile) {
    if constexpr (How != gathering::elements)
      if (g_.transforms) transform();
#pragma unroll
    for (int i = 0; i < count; ++i) next_[i].to(tile + tile_at<T, fast_index::k>(column(), row(i), M));
  }

 private:
  __device__ static int row(int i) { return static_cast<int>(threadIdx.x) / 4 + 64 * i; }
  __device__ static int column() { return static_cast<int>(threadIdx.x) % 4 * 8; }

  __device__ void transform() {
    bool any = false;
#pragma unroll
    for (int i = 0; i < count; ++i) any = any || there_[i];
    if (!any) return;
    const affine<8> how(g_.transform, channel_);
#pragma unroll
    for (int i = 0; i < count; ++i)
      if (there_[i]) apply(how, next_[i]);
  }

  const gather<S>& g_;
  gathered_row rows_[count];
  eight<T> next_[count];
  bool there_[count] = {};
  int channel_ = 0;
};

/// The weights' part of one step.
template <class T, class Job, bool Transposed, int N>
class right_loader {
  static constexpr int count = N / 64;
  static constexpr fast_index fast = Transposed ? fast_index::k : fast_index::other;

 public:
  __device__ right_loader(const Job& job, int first) : job_(job), first_(first) {}

  __device__ void fetch(int k) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const T* from = address(k + k_of(i), first_ + n_of(i));
      next_[i] = from ? eight<T>::from(from) : eight<T>::zeros();
    }
  }

  __device__ void commit(T* tile) const {
#pragma unroll
    for (int i = 0; i < count; ++i) next_[i].to(tile + tile_at<T, fast>(k_of(i), n_of(i), N));
  }

 private:
  __device__ static int k_of(int i) {
    const int t = static_cast<int>(threadIdx.x);
    return Transposed ? t % 4 * 8 : (t + i * 256) / (N / 8);
  }
  __device__ static int n_of(int i) {
    const int t = static_cast<int>(threadIdx.x);
    return Transposed ? t / 4 + 64 * i : (t + i * 256) % (N / 8) * 8;
  }

  __device__ const T* address(int k, int n) const {
    if constexpr (Transposed) {
      const int tap = job_.left.channels.quotient(k), channel = job_.left.channels.remainder(k, tap);
      if (tap >= job_.left.taps || n >= job_.columns) return nullptr;
      return job_.weights + (std::int64_t{tap} * job_.columns + n) * job_.weight_stride + channel;
    } else {
      if (k >= job_.left.columns() || n >= job_.weight_stride) return nullptr;
      return job_.weights + std::int64_t{k} * job_.weight_stride + n;
    }
  }

  const Job& job_;
  int first_;
  eight<T> next_[count];
};

/// Two stages of both tiles, or a finished tile.
template <class T, int M, int N>
constexpr int shared_bytes(fast_index right) {
  const int stage = (tile_size(fast_index::k, M) + tile_size(right, N)) * static_cast<int>(sizeof(T));
  const int staged = tile_writer<T, T, M, N>::floats_needed * static_cast<int>(sizeof(float));
  return 2 * stage > staged ? 2 * stage : staged;
}

/// Blocks of one column walk down the rows' tiles, so that sums over a column are few.
template <class T, class S, class Out, int M, int N, bool Transposed, gathering How>
__global__ __launch_bounds__(block_threads, 2) void convolve(const __grid_constant__ convolution_job<T, S, Out> job) {
  constexpr fast_index right_fast = Transposed ? fast_index::k : fast_index::other;
  constexpr int left_size = tile_size(fast_index::k, M), stage_size = left_size + tile_size(right_fast, N);
  extern __shared__ __align__(16) unsigned char memory[];
  T* const tiles = reinterpret_cast<T*>(memory);
  float* const staged = reinterpret_cast<float*>(memory);

  const int first_column = static_cast<int>(blockIdx.x) * N;
  const int steps = (job.left.columns() + tile_k - 1) / tile_k;
  const std::int64_t row_tiles = (job.rows + M - 1) / M;
  tile_writer<T, Out, M, N> writer(job.out, first_column);
  right_loader<T, convolution_job<T, S, Out>, Transposed, N> right(job, first_column);
  for (std::int64_t tile = blockIdx.y; tile < row_tiles; tile += gridDim.y) {
    left_loader<T, S, How, M> left(job.left, tile * M, job.rows);
    tile_product<T, M, N> product;
    product.clear();
    left.fetch(0), right.fetch(0);
    left.commit(tiles), right.commit(tiles + left_size);
    __syncthreads();
    for (int step = 0; step < steps; ++step) {
      T* const now = tiles + step % 2 * stage_size;
      T* const then = tiles + (step + 1) % 2 * stage_size;
      const bool more = step + 1 < steps;
      if (more) left.fetch((step + 1) * tile_k), right.fetch((step + 1) * tile_k);
      product.template add<fast_index::k, right_fast>(now, now + left_size);
      if (more) left.commit(then), right.commit(then + left_size);
      __syncthreads();
    }
    product.each_pair([&](int m, int n, float2 v) {
      *reinterpret_cast<float2*>(staged + m * tile_writer<T, Out, M, N>::stride + n) = v;
    });
    __syncthreads();
    writer.write(staged, tile * M, job.rows);
    __syncthreads();
  }
  writer.leave(staged, static_cast<int>(blockIdx.y));
}

template <class T, class S, class Out, int M, int N, bool Transposed, gathering How>
int launch(cudaStream_t stream, const convolution_job<T, S, Out>& job) {
  constexpr int bytes = shared_bytes<T, M, N>(Transposed ? fast_index::k : fast_index::other);
  const auto kernel = convolve<T, S, Out, M, N, Transposed, How>;
  if (bytes > 48 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes), "shared memory");
  const int columns = (job.columns + N - 1) / N;
  const std::int64_t tiles = (job.rows + M - 1) / M;
  const std::int64_t most = std::min<std::int64_t>(std::max(2 * multiprocessors() / columns, 1), most_parts);
  const std::int64_t rounds = (tiles + most - 1) / most;
  const auto parts = static_cast<unsigned>((tiles + rounds - 1) / rounds);
  kernel<<<dim3(static_cast<unsigned>(columns), parts), block_threads, bytes, stream>>>(job);
  check_launch("convolution");
  return static_cast<int>(parts);
}

template <class T, class S, class Out, bool Transposed, gathering How>
int launch_tiles(cudaStream_t stream, const convolution_job<T, S, Out>& job) {
  if constexpr (sizeof(T) == 4) {
    return launch<T, S, Out, 64, 64, Transposed, How>(stream, job);
  } else {
    const std::int64_t large = (job.rows + 127) / 128 * ((job.columns + 127) / 128);
    if (large < multiprocessors()) return launch<T, S, Out, 64, 64, Transposed, How>(stream, job);
    if (job.columns > 64) return launch<T, S, Out, 128, 128, Transposed, How>(stream, job);
    return launch<T, S, Out, 128, 64, Transposed, How>(stream, job);
  }
}

template <bool Transposed, class T, class S, class Out>
int launch_gathering(cudaStream_t stream, const convolution_job<T, S, Out>& job) {
  if constexpr (sizeof(S) == sizeof(T))
    if (job.left.vectors())
      return job.left.pointwise() ? launch_tiles<T, S, Out, Transposed, gathering::pointwise>(stream, job)
                                  : launch_tiles<T, S, Out, Transposed, gathering::vectors>(stream, job);
  return launch_tiles<T, S, Out, Transposed, gathering::elements>(stream, job);
}

}  // namespace

int multiprocessors() {
  static const int count = [] {
    int device = 0, value = 1;
    check(cudaGetDevice(&device), "cudaGetDevice");
    check(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
    return value;
  }();
  return count;
}

template <class T, class Out>
int conv_forward(cudaStream_t stream, const window& w, const reading<T>& x, const T* weights, const float* bias,
                 const tensor<Out>& y, const partial_sums& sums, const pending& finish) {
  epilogue<T, Out> out(y, {});
  out.bias = bias, out.moments_of = sums, out.finish = finish, out.finishes = !finish.none();
  const gather<T> left(x.x, x.transform, w, y.height, y.width, x.x.channels, false);
  return launch_gathering<false>(
      stream, convolution_job<T, T, Out>{left, weights, static_cast<int>(packed_columns(y.channels)), y.channels,
                                         y.pixels(), out});
}

template <class T, class In>
int conv_backward_data(cudaStream_t stream, const window& w, const tensor<const In>& dy, const T* weights,
                       const tensor<T>& dx, bool accumulate, const gradient_sums<T>& sums) {
  epilogue<T, T> out(dx, sums);
  out.accumulate = accumulate;
  const int padded = static_cast<int>(packed_columns(dy.channels));
  const gather<In> left(dy, {}, w, dx.height, dx.width, padded, true);
  return launch_gathering<true>(stream,
                                convolution_job<T, In, T>{left, weights, padded, dx.channels, dx.pixels(), out});
}

template int conv_forward(cudaStream_t, const window&, const reading<float>&, const float*, const float*,
                          const tensor<float>&, const partial_sums&, const pending&);
template int conv_forward(cudaStream_t, const window&, const reading<bf16>&, const bf16*, const float*,
                          const tensor<bf16>&, const partial_sums&, const pending&);
template int conv_forward(cudaStream_t, const window&, const reading<bf16>&, const bf16*, const float*,
                          const tensor<float>&, const partial_sums&, const pending&);
template int conv_backward_data(cudaStream_t, const window&, const tensor<const float>&, const float*,
                                const tensor<float>&, bool, const gradient_sums<float>&);
template int conv_backward_data(cudaStream_t, const window&, const tensor<const bf16>&, const bf16*,
                                const tensor<bf16>&, bool, const gradient_sums<bf16>&);
template int conv_backward_data(cudaStream_t, const window&, const tensor<const float>&, const bf16*,
                                const tensor<bf16>&, bool, const gradient_sums<bf16>&);

}  // namespace odt::cuda
