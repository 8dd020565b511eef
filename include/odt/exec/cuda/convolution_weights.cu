// SPDX-License-Identifier: MIT
// The weights' gradient: a product over all output pixels of what the window saw and the output's gradient. The pixels
// are cut into parts that follow from the shapes; their products are then added up in order.
#include <odt/exec/cuda/convolution.hpp>
#include <odt/exec/cuda/error.hpp>
#include <odt/exec/cuda/gather.cuh>
#include <odt/exec/cuda/join.cuh>

#include <algorithm>

namespace odt::cuda {

namespace {

template <class T, class S>
struct weights_job {
  gather<T> left;   // its columns are the rows of the gradient
  gather<S> right;  // pointwise over dy
  int columns;      // output channels
  std::int64_t pixels;
  std::int64_t part_pixels;  // a multiple of tile_k
  float* to;                 // [parts][rows][columns]
};

/// One step's part of a factor that lies pixel by pixel: each thread holds eight columns of one or two pixels.
template <class T, class S, gathering How, int Extent>
class pixel_loader {
  static constexpr int vectors = Extent / 8, count = vectors * tile_k / block_threads;

 public:
  __device__ pixel_loader(const gather<S>& g, int first)
      : g_(g), first_(first + column()), tap_(gathered_column::of<How>(g, first_)) {}

  __device__ void fetch(std::int64_t pixel, std::int64_t end) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const gathered_row row = gathered_row::of<How>(g_, pixel + step(i), end);
      if constexpr (How == gathering::elements) {
        next_[i] = gather_elements<T, How>(g_, row, first_);
      } else {
        std::int64_t at = row.inside ? row.base : -1;
        if constexpr (How == gathering::vectors) at = row.at(g_, tap_.tap_y, tap_.tap_x);
        there_[i] = tap_.inside && at >= 0;
        next_[i] = there_[i] ? eight<T>::from(g_.source.data + at + tap_.channel) : eight<T>::zeros();
      }
    }
  }

  __device__ void commit(T* tile) {
    if constexpr (How != gathering::elements)
      if (g_.transforms && tap_.inside) {
        const affine<8> how(g_.transform, tap_.channel);
#pragma unroll
        for (int i = 0; i < count; ++i)
          if (there_[i]) apply(how, next_[i]);
      }
#pragma unroll
    for (int i = 0; i < count; ++i) next_[i].to(tile + tile_at<T, fast_index::other>(step(i), column(), Extent));
  }

 private:
  __device__ static int column() { return static_cast<int>(threadIdx.x) % vectors * 8; }
  __device__ static int step(int i) { return static_cast<int>(threadIdx.x) / vectors + i * (block_threads / vectors); }

  const gather<S>& g_;
  int first_;
  gathered_column tap_;
  eight<T> next_[count];
  bool there_[count] = {};
};

template <class T, int Extent>
constexpr int weights_stage() {
  return 2 * tile_size(fast_index::other, Extent);
}

template <class T, class S, int Extent, gathering Left, gathering Right>
__global__ __launch_bounds__(block_threads, 2) void convolve_weights(const __grid_constant__ weights_job<T, S> job) {
  constexpr int size = tile_size(fast_index::other, Extent), stage = weights_stage<T, Extent>();
  extern __shared__ __align__(16) unsigned char memory[];
  T* const tiles = reinterpret_cast<T*>(memory);
  const int rows = job.left.columns(), first_row = static_cast<int>(blockIdx.x) * Extent,
            first_column = static_cast<int>(blockIdx.y) * Extent;
  const std::int64_t begin = blockIdx.z * job.part_pixels,
                     end = begin + job.part_pixels < job.pixels ? begin + job.part_pixels : job.pixels;
  pixel_loader<T, T, Left, Extent> left(job.left, first_row);
  pixel_loader<T, S, Right, Extent> right(job.right, first_column);
  tile_product<T, Extent, Extent> product;
  product.clear();
  left.fetch(begin, end), right.fetch(begin, end);
  left.commit(tiles), right.commit(tiles + size);
  __syncthreads();
  int turn = 0;
  for (std::int64_t pixel = begin; pixel < end; pixel += tile_k, turn ^= 1) {
    T* const now = tiles + turn * stage;
    T* const then = tiles + (turn ^ 1) * stage;
    const bool more = pixel + tile_k < end;
    if (more) left.fetch(pixel + tile_k, end), right.fetch(pixel + tile_k, end);
    product.template add<fast_index::other, fast_index::other>(now, now + size);
    if (more) left.commit(then), right.commit(then + size);
    __syncthreads();
  }
  float* const to = job.to + std::int64_t{blockIdx.z} * rows * job.columns;
  product.each_pair([&](int m, int n, float2 v) {
    const int row = first_row + m, column = first_column + n;
    if (row >= rows || column >= job.columns) return;
    float* const at = to + std::int64_t{row} * job.columns + column;
    at[0] = v.x;
    if (column + 1 < job.columns) at[1] = v.y;
  });
}

/// How the pixels are cut.
struct weights_parts {
  int extent = 64;
  int row_tiles = 1, column_tiles = 1, parts = 1;
  std::int64_t part_pixels = 0;

  weights_parts(int rows, int columns, std::int64_t pixels, bool large_tiles) {
    extent = large_tiles && std::min(rows, columns) > 64 ? 128 : 64;
    row_tiles = (rows + extent - 1) / extent, column_tiles = (columns + extent - 1) / extent;
    const std::int64_t steps = (pixels + tile_k - 1) / tile_k;
    const std::int64_t wanted = std::clamp<std::int64_t>(2 * multiprocessors() / (row_tiles * column_tiles), 1, steps);
    part_pixels = (steps + wanted - 1) / wanted * tile_k;
    parts = static_cast<int>((pixels + part_pixels - 1) / part_pixels);
  }
};

template <class T, class S, int Extent, gathering Left, gathering Right>
void launch(cudaStream_t stream, const weights_job<T, S>& job, const weights_parts& parts) {
  constexpr int bytes = 2 * weights_stage<T, Extent>() * static_cast<int>(sizeof(T));
  const auto kernel = convolve_weights<T, S, Extent, Left, Right>;
  if (bytes > 48 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes), "shared memory");
  kernel<<<dim3(static_cast<unsigned>(parts.row_tiles), static_cast<unsigned>(parts.column_tiles),
                static_cast<unsigned>(parts.parts)),
           block_threads, bytes, stream>>>(job);
  check_launch("convolution weights");
}

template <class T, class S, gathering Left, gathering Right>
void launch_extent(cudaStream_t stream, const weights_job<T, S>& job, const weights_parts& parts) {
  if constexpr (sizeof(T) == 2)
    if (parts.extent == 128) return launch<T, S, 128, Left, Right>(stream, job, parts);
  launch<T, S, 64, Left, Right>(stream, job, parts);
}

template <class T, class S, gathering Left>
void launch_right(cudaStream_t stream, const weights_job<T, S>& job, const weights_parts& parts) {
  if constexpr (sizeof(T) == sizeof(S))
    if (job.right.vectors()) return launch_extent<T, S, Left, gathering::pointwise>(stream, job, parts);
  launch_extent<T, S, Left, gathering::elements>(stream, job, parts);
}

template <class T, class S>
void launch_left(cudaStream_t stream, const weights_job<T, S>& job, const weights_parts& parts) {
  if (!job.left.vectors()) return launch_right<T, S, gathering::elements>(stream, job, parts);
  if (job.left.pointwise()) return launch_right<T, S, gathering::pointwise>(stream, job, parts);
  launch_right<T, S, gathering::vectors>(stream, job, parts);
}

/// Columns of dy added up: a block sums some rows, a thread a column.
template <class S>
__global__ void sum_columns(tensor<const S> dy, fast_division image_pixels, int rows_each, float* to) {
  const int column = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (column >= dy.channels) return;
  const auto rows = static_cast<int>(dy.pixels());
  const int first = static_cast<int>(blockIdx.y) * rows_each, last = min(first + rows_each, rows);
  float sum = 0;
#pragma unroll 4
  for (int m = first; m < last; ++m) {
    const int image = image_pixels.quotient(m), pixel = image_pixels.remainder(m, image);
    sum += to_float(dy.data[image * dy.image_stride + pixel * dy.pixel_stride + column]);
  }
  to[std::int64_t{blockIdx.y} * dy.channels + column] = sum;
}

template <class S>
void bias_gradient(cudaStream_t stream, const tensor<const S>& dy, float* dbias, float* scratch) {
  constexpr int threads = 128;
  const auto rows = static_cast<int>(dy.pixels());
  const int rows_each = std::max(32, (rows + most_parts - 1) / most_parts), parts = (rows + rows_each - 1) / rows_each;
  sum_columns<<<dim3(static_cast<unsigned>((dy.channels + threads - 1) / threads), static_cast<unsigned>(parts)),
                threads, 0, stream>>>(dy, fast_division(dy.height * dy.width), rows_each, scratch);
  check_launch("sum_columns");
  launch_join(stream, scratch, dy.channels, parts, dy.channels, dbias, same_place{});
}

template <class T>
__global__ void pack(const packing* what, const float* variables, T* packed) {
  const packing p = what[blockIdx.x];
  const auto stride = static_cast<int>(packed_columns(p.columns));
  const std::int64_t count = std::int64_t{p.rows} * (stride / 8);
  for (std::int64_t i = std::int64_t{1} * blockIdx.y * blockDim.x + threadIdx.x; i < count;
       i += std::int64_t{1} * gridDim.y * blockDim.x) {
    const auto row = static_cast<int>(i / (stride / 8));
    const int first = static_cast<int>(i % (stride / 8)) * 8;
    floats<8> v;
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      const int column = first + k;
      if (p.multiplier == 0) {
        v[k] = column < p.columns ? variables[p.from + std::int64_t{row} * p.columns + column] : 0.0f;
      } else {
        const int inputs = p.columns / p.multiplier, input = row % inputs;
        const bool own = column < p.columns && column / p.multiplier == input;
        v[k] = own ? variables[p.from + std::int64_t{row} * p.multiplier + column % p.multiplier] : 0.0f;
      }
    }
    store<8>(packed + p.to + std::int64_t{row} * stride + first, v);
  }
}

}  // namespace

std::int64_t conv_weights_scratch(const window& w, int input_channels, int output_channels, std::int64_t pixels) {
  const int rows = w.kernel_height * w.kernel_width * input_channels;
  const std::int64_t products = std::int64_t{rows} * output_channels *
                                std::max(weights_parts(rows, output_channels, pixels, true).parts,
                                         weights_parts(rows, output_channels, pixels, false).parts);
  return std::max(products, std::int64_t{most_parts} * output_channels);
}

template <class T, class In>
void conv_backward_weights(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const In>& dy,
                           int multiplier, float* dweights, float* dbias, float* scratch) {
  const int taps = w.kernel_height * w.kernel_width, rows = taps * x.x.channels;
  const weights_parts parts(rows, dy.channels, dy.pixels(), sizeof(T) == 2);
  const weights_job<T, In> job{gather<T>(x.x, x.transform, w, dy.height, dy.width, x.x.channels, false),
                               gather<In>(dy, {}, {}, dy.height, dy.width, dy.channels, false),
                               dy.channels,
                               dy.pixels(),
                               parts.part_pixels,
                               parts.parts == 1 && multiplier == 0 ? dweights : scratch};
  launch_left(stream, job, parts);
  const std::int64_t count = std::int64_t{rows} * dy.channels;
  if (multiplier > 0)
    launch_join(stream, scratch, count, parts.parts, count, dweights, own_place{dy.channels, x.x.channels, multiplier});
  else if (parts.parts > 1)
    launch_join(stream, scratch, count, parts.parts, count, dweights, same_place{});
  if (dbias) bias_gradient(stream, dy, dbias, scratch);
}

template <class T>
void pack_weights(cudaStream_t stream, const packing* what, int count, const float* variables, T* packed) {
  if (count == 0) return;
  pack<<<dim3(static_cast<unsigned>(count), 16), 256, 0, stream>>>(what, variables, packed);
  check_launch("pack");
}

template void conv_backward_weights(cudaStream_t, const window&, const reading<float>&, const tensor<const float>&, int,
                                    float*, float*, float*);
template void conv_backward_weights(cudaStream_t, const window&, const reading<bf16>&, const tensor<const bf16>&, int,
                                    float*, float*, float*);
template void conv_backward_weights(cudaStream_t, const window&, const reading<bf16>&, const tensor<const float>&, int,
                                    float*, float*, float*);
template void pack_weights(cudaStream_t, const packing*, int, const float*, float*);
template void pack_weights(cudaStream_t, const packing*, int, const float*, bf16*);

}  // namespace odt::cuda
