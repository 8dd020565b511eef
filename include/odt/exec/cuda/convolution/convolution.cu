// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/convolution/convolution.hpp>
#include <odt/exec/cuda/convolution/convolution_job.cuh>
#include <odt/exec/cuda/machine/device.hpp>
#include <odt/exec/cuda/machine/error.hpp>

#include <algorithm>

namespace odt::cuda {

namespace {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
constexpr int own_block_memory = small_block_memory;
#else
constexpr int own_block_memory = large_block_memory;
#endif

/// Steps that are on their way to shared memory at once, the one that is computed among them.
template <class T, int N>
constexpr int stages(int block_memory) {
  return sizeof(T) == 4 ? 2 : N == 128 && block_memory >= large_block_memory ? 4 : 3;
}

/// Blocks that share a multiprocessor.
constexpr int blocks_of(int columns) { return columns == 128 ? 1 : 2; }

/// Brings the left factor's part of a step to shared memory: each thread eight columns of M/32 rows.
template <class T, class Job, int M, int Stages>
class left_loader {
  static constexpr gathering How = Job::how;
  static constexpr int vectors = tile_k / 8, each = block_threads / vectors, count = M / each;

 public:
  __device__ explicit left_loader(const Job& job) : job_(job), g_(job.left) {}

  /// From now on the tile of a phase that begins with row `first`.
  __device__ void seek(int first, int phase) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      rows_[i] = job_.row(phase, first + row(i));
      if constexpr (How == gathering::pointwise) from_[i] = g_.source.data + rows_[i].base;
    }
  }

  __device__ void begin(int k, int phase, T* tile) {
    const int mine = k + column();
    if constexpr (How == gathering::elements) {
#pragma unroll
      for (int i = 0; i < count; ++i) gather_elements<T, How>(g_, rows_[i], mine).to(at(tile, i));
    } else {
      const gathered_column c = job_.column(phase, mine);
      const int channel = c.inside ? c.channel : 0;
      unsigned there = 0;
#pragma unroll
      for (int i = 0; i < count; ++i) {
        bool inside = c.inside && rows_[i].inside;
        if constexpr (How != gathering::pointwise) {
          const std::int64_t from = rows_[i].template at<How>(g_, c.tap_y, c.tap_x);
          inside = c.inside && from >= 0;
          from_[i] = g_.source.data + (from < 0 ? 0 : from);
        }
        there |= inside ? 1u << i : 0;
        copy_eight(at(tile, i), from_[i] + channel, inside);
      }
      there_.push(there);
    }
  }

  /// In place of begin(), when there is nothing left.
  __device__ void skip() { there_.push(0); }

  /// Waits for the step, and does what it still lacks; padding stays zero.
  __device__ void finish(int k, T* tile) {
    if (How == gathering::elements || How == gathering::phased || !g_.transforms) return wait_for_copies<Stages - 2>();
    const unsigned there = there_.oldest();
    const eight_transform how(g_.transform, there != 0 ? job_.column(0, k + column()).channel : 0);
    wait_for_copies<Stages - 2>();
#pragma unroll
    for (int i = 0; i < count; ++i)
      if (there >> i & 1) how.apply(at(tile, i));
  }

 private:
  __device__ static int row(int i) { return static_cast<int>(threadIdx.x) / vectors + each * i; }
  __device__ static int column() { return static_cast<int>(threadIdx.x) % vectors * 8; }
  __device__ static T* at(T* tile, int i) {
    static_assert(each % 8 == 0, "the vectors of a row change places with its number modulo eight");
    return tile + tile_at<T, fast_index::k>(column(), row(0), M) + i * each * tile_stride<T, fast_index::k>(M);
  }

  const Job& job_;
  const gather<T>& g_;
  gathered_row rows_[count];
  const T* from_[count] = {};           ///< rows that are not there begin with the tensor
  bit_queue<count, Stages - 1> there_;  // finish() comes before the next begin()
};

/// Brings the weights' part of a step to shared memory: each thread one vector of `count` rows of the tile.
template <class T, class Job, bool Transposed, int N>
class right_loader {
  static constexpr fast_index fast = Transposed ? fast_index::k : fast_index::other;
  static constexpr int width = (Transposed ? tile_k : N) / 8, rows = Transposed ? N : tile_k;
  static constexpr int each = block_threads / width, count = rows > each ? rows / each : 1;
  static_assert(each % 8 == 0);

 public:
  __device__ right_loader(const Job& job, int first) : job_(job) {
    const int n = first + (Transposed ? row() : column());
    inside_ = (Transposed || n < job.weight_stride) && row() < rows;
    from_ = job.weights + (inside_ && !Transposed ? std::int64_t{row()} * job.weight_stride + n : 0);
    n_ = n;
  }

  __device__ void begin(int k, int phase, T* tile) const {
    T* const to = tile + (Transposed ? tile_at<T, fast>(column(), row(), N) : tile_at<T, fast>(row(), column(), N));
    if constexpr (Transposed) {
      const int mine = k + column(), of = job_.left.channels.quotient(mine), tap = job_.tap(phase, of);
      const T* const from =
          job_.weights + std::int64_t{tap} * job_.columns * job_.weight_stride + job_.left.channels.remainder(mine, of);
#pragma unroll
      for (int i = 0; i < count; ++i) {
        const int n = n_ + i * each;
        const bool inside = inside_ && of < job_.taps_of(phase) && n < job_.columns;
        copy_eight(to + i * each * tile_stride<T, fast>(N), inside ? from + n * job_.weight_stride : job_.weights,
                   inside);
      }
    } else {
#pragma unroll
      for (int i = 0; i < count; ++i) {
        const int step = k + i * each;
        const bool inside = inside_ && row() + step < job_.left.columns();
        copy_eight(to + i * each * tile_stride<T, fast>(N),
                   from_ + (inside ? std::int64_t{1} * step * job_.weight_stride : 0), inside);
      }
    }
  }

 private:
  __device__ static int row() { return static_cast<int>(threadIdx.x) / width; }
  __device__ static int column() { return static_cast<int>(threadIdx.x) % width * 8; }

  const Job& job_;
  const T* from_;
  int n_;
  bool inside_;
};

/// A place in the sequence of a block's steps, tile after tile.
template <class Job>
struct step_counter {
  int tile = static_cast<int>(blockIdx.y);
  int phase, steps;
  int step = 0;

  __device__ explicit step_counter(const Job& job) : phase(job.phase_of(tile)), steps(job.steps_of(phase)) {}

  __device__ bool next(const Job& job) {
    if (++step < steps) return false;
    step = 0, tile += static_cast<int>(gridDim.y);
    phase = job.phase_of(tile);
    if (Job::phased) steps = job.steps_of(phase);
    return true;
  }
};

/// Blocks of one column walk down the rows' tiles, so that sums over a column are few and copies never pause.
template <class T, class Out, int M, int N, bool Transposed, gathering How>
__global__ __launch_bounds__(block_threads,
                             blocks_of(N)) void convolve(const __grid_constant__ gathered_job<T, Out, How> job) {
  constexpr fast_index right_fast = Transposed ? fast_index::k : fast_index::other;
  constexpr int left_size = tile_size<T, fast_index::k>(M), stage_size = left_size + tile_size<T, right_fast>(N);
  constexpr int depth = stages<T, N>(own_block_memory);
  using writer_type = tile_writer<T, Out, M, N, Transposed>;
  extern __shared__ __align__(16) unsigned char memory[];
  T* const tiles = reinterpret_cast<T*>(memory);
  float* const staged = reinterpret_cast<float*>(tiles + depth * stage_size);

  using job_type = gathered_job<T, Out, How>;
  const int first_column = static_cast<int>(blockIdx.x) * N;
  const int tiles_down = job.template tiles<M>();
  writer_type writer(job.out, first_column);
  left_loader<T, job_type, M, depth> left(job);
  const right_loader<T, job_type, Transposed, N> right(job, first_column);
  tile_product<T, M, N> product;
  product.clear();

  step_counter<job_type> ahead(job), now(job);
  int slot_ahead = 0, slot = 0;
  const auto begin = [&] {
    if (ahead.tile < tiles_down) {
      T* const tile = tiles + slot_ahead * stage_size;
      if (ahead.step == 0) left.seek(job.template first_row<M>(ahead.tile, ahead.phase), ahead.phase);
      left.begin(ahead.step * tile_k, ahead.phase, tile);
      right.begin(ahead.step * tile_k, ahead.phase, tile + left_size);
      ahead.next(job);
    } else {
      left.skip();
    }
    commit_copies();
    slot_ahead = slot_ahead + 1 == depth ? 0 : slot_ahead + 1;
  };
  for (int i = 0; i + 1 < depth; ++i) begin();
  while (now.tile < tiles_down) {
    T* const tile = tiles + slot * stage_size;
    left.finish(now.step * tile_k, tile);
    __syncthreads();
    begin();
    product.template add<fast_index::k, right_fast>(tile, tile + left_size);
    slot = slot + 1 == depth ? 0 : slot + 1;
    const int phase = now.phase, first = job.template first_row<M>(now.tile, phase);
    if (!now.next(job)) continue;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (product.half() == half)
        product.each_pair([&](int m, int n, float2 v) {
          *reinterpret_cast<float2*>(staged + (m - half * (M / 2)) * writer_type::stride + n) = v;
        });
      __syncthreads();
      writer.write(staged, first + half * (M / 2), job.rows_of(phase), [&](int m) { return job.place(phase, m); });
      __syncthreads();
    }
    product.clear();
  }
  wait_for_copies<0>();
  writer.leave(staged, static_cast<int>(blockIdx.y));
}

template <class T, class Out, int M, int N, bool Transposed, gathering How>
int launch(cudaStream_t stream, const convolution_job<T, Out>& wanted) {
  constexpr int stage = tile_size<T, fast_index::k>(M) + tile_size < T,
                Transposed ? fast_index::k : fast_index::other > (N);
  constexpr int staged = tile_writer<T, Out, M, N, Transposed>::floats_needed * static_cast<int>(sizeof(float));
  constexpr auto bytes_on = [](int memory) {
    return stages<T, N>(memory) * stage * static_cast<int>(sizeof(T)) + staged;
  };
  static_assert(bytes_on(small_block_memory) <= small_block_memory);
  static_assert(blocks_of(N) * bytes_on(large_block_memory) <= large_block_memory);
  const gathered_job<T, Out, How> job(wanted, M);
  const int bytes = bytes_on(block_memory());
  const auto kernel = convolve<T, Out, M, N, Transposed, How>;
  if (bytes > 48 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes), "shared memory");
  const int columns = (job.columns + N - 1) / N;
  const std::int64_t tiles = job.template tiles<M>();
  const std::int64_t most = std::min<std::int64_t>(std::max(blocks_of(N) * multiprocessors() / columns, 1), most_parts);
  const std::int64_t rounds = (tiles + most - 1) / most;
  const auto parts = static_cast<unsigned>((tiles + rounds - 1) / rounds);
  kernel<<<dim3(static_cast<unsigned>(columns), parts), block_threads, bytes, stream>>>(job);
  check_launch("convolution");
  return static_cast<int>(parts);
}

template <class T, class Out, bool Transposed, gathering How>
int launch_tiles(cudaStream_t stream, const convolution_job<T, Out>& job) {
  if constexpr (sizeof(T) == 4) {
    return launch<T, Out, 64, 64, Transposed, How>(stream, job);
  } else {
    const std::int64_t large = (job.rows + 127) / 128 * ((job.columns + 127) / 128);
    if (job.columns <= 32) return launch<T, Out, 128, 32, Transposed, How>(stream, job);
    if (large < multiprocessors()) return launch<T, Out, 64, 64, Transposed, How>(stream, job);
    if (job.columns > 64) return launch<T, Out, 128, 128, Transposed, How>(stream, job);
    return launch<T, Out, 128, 64, Transposed, How>(stream, job);
  }
}

template <bool Transposed, class T, class Out>
int launch_gathering(cudaStream_t stream, const convolution_job<T, Out>& job) {
  if (job.left.vectors()) {
    if (job.left.pointwise()) return launch_tiles<T, Out, Transposed, gathering::pointwise>(stream, job);
    if (!Transposed || job.left.w.stride == 1) return launch_tiles<T, Out, Transposed, gathering::vectors>(stream, job);
    if constexpr (Transposed)
      if (job.left.w.stride <= phases::largest_stride)
        return launch_tiles<T, Out, true, gathering::phased>(stream, job);
  }
  return launch_tiles<T, Out, Transposed, gathering::elements>(stream, job);
}

}  // namespace

template <class T>
int conv_forward(cudaStream_t stream, const window& w, const reading<T>& x, const T* weights, const float* bias,
                 const tensor<T>& y, const partial_sums& sums, const pending& finish) {
  epilogue<T, T> out(y, {});
  out.bias = bias, out.moments_of = sums, out.finish = finish, out.finishes = !finish.none();
  const gather<T> left(x.x, x.transform, w, y.height, y.width, x.x.channels, false);
  return launch_gathering<false>(stream, convolution_job<T, T>{left, weights, static_cast<int>(packed(y.channels)),
                                                               y.channels, static_cast<int>(y.pixels()), out});
}

template <class T>
void conv_forward_heads(cudaStream_t stream, const window& w, const reading<T>& x, const T* weights,
                        const head_output& first, const head_output& second) {
  const tensor<float>& y = first.y;
  const int split = static_cast<int>(packed(y.channels)), more = second.y.channels;
  epilogue<T, predictions> out(y, {});
  out.bias = first.bias;
  out.more = {{second.y, second.bias}, split};
  if (more > 0) out.vectors &= out.in_vectors(second.y), out.dense &= out.without_gaps(second.y);
  const gather<T> left(x.x, x.transform, w, y.height, y.width, x.x.channels, false);
  launch_gathering<false>(
      stream, convolution_job<T, predictions>{left, weights, split + static_cast<int>(packed(more)),
                                              more > 0 ? split + more : y.channels, static_cast<int>(y.pixels()), out});
}

template <class T>
int conv_backward_data(cudaStream_t stream, const window& w, const tensor<const T>& dy, const T* weights,
                       const tensor<T>& dx, bool accumulate, const gradient_sums<T>& sums) {
  epilogue<T, T> out(dx, sums);
  out.accumulate = accumulate;
  const int padded = static_cast<int>(packed(dy.channels));
  const gather<T> left(dy, {}, w, dx.height, dx.width, padded, true);
  return launch_gathering<true>(
      stream, convolution_job<T, T>{left, weights, padded, dx.channels, static_cast<int>(dx.pixels()), out});
}

#define ODT_INSTANTIATE(T)                                                                                            \
  template int conv_forward(cudaStream_t, const window&, const reading<T>&, const T*, const float*, const tensor<T>&, \
                            const partial_sums&, const pending&);                                                     \
  template void conv_forward_heads(cudaStream_t, const window&, const reading<T>&, const T*, const head_output&,      \
                                   const head_output&);                                                               \
  template int conv_backward_data(cudaStream_t, const window&, const tensor<const T>&, const T*, const tensor<T>&,    \
                                  bool, const gradient_sums<T>&);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
