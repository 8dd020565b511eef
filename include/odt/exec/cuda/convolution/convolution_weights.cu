// SPDX-License-Identifier: MIT
// The weights' gradient: a product over all output pixels of what the window saw and the output's gradient. The pixels
// are cut into parts that follow from the shapes; their products are then added up in order.
#include <odt/exec/cuda/convolution/convolution.hpp>
#include <odt/exec/cuda/convolution/gather.cuh>
#include <odt/exec/cuda/machine/device.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/join.cuh>

#include <algorithm>

namespace odt::cuda {

namespace {

template <class T>
struct weights_job {
  gather<T> left;   // its columns are the rows of the gradient
  gather<T> right;  // pointwise over dy, whose channels may be padded
  weights_matrix of;
  int pixels;
  int part_pixels;  // a multiple of tile_k
  float* to;        // [parts][rows][columns]
};

/// Steps that are on their way to shared memory at once, the one that is computed among them.
template <class T, int Extent>
constexpr int weights_stages = sizeof(T) == 4 ? 2 : 4;

/// Brings one step's part of a factor that lies pixel by pixel: each thread eight columns of one or two pixels.
template <class T, gathering How, int Extent>
class pixel_loader {
  static constexpr int vectors = Extent / 8, count = vectors * tile_k / block_threads;

 public:
  __device__ pixel_loader(const gather<T>& g, int first)
      : g_(g), first_(first + column()), tap_(gathered_column::of<How>(g, first_)) {}

  __device__ void begin(int pixel, int end, T* tile) {
    unsigned there = 0;
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const gathered_row row = gathered_row::of<How>(g_, pixel + step(i), end);
      if constexpr (How == gathering::elements) {
        gather_elements<T, How>(g_, row, first_).to(at(tile, i));
      } else {
        bool inside = tap_.inside && row.inside;
        std::int64_t from = row.base;  // 0 for a row that is not there
        if constexpr (How == gathering::vectors) {
          from = row.template at<How>(g_, tap_.tap_y, tap_.tap_x);
          inside = tap_.inside && from >= 0;
          from = from < 0 ? 0 : from;
        }
        there |= inside ? 1u << i : 0;
        copy_eight(at(tile, i), g_.source.data + from + (tap_.inside ? tap_.channel : 0), inside);
      }
    }
    there_.push(there);
  }

  /// In place of begin(), when there is nothing left.
  __device__ void skip() { there_.push(0); }

  /// What a step that has arrived still lacks; padding stays zero.
  __device__ void finish(const eight_transform& how, T* tile) const {
    if (How == gathering::elements || !g_.transforms) return;
    const unsigned there = there_.oldest();
#pragma unroll
    for (int i = 0; i < count; ++i)
      if (there >> i & 1) how.apply(at(tile, i));
  }

  /// Its channels stay the same from step to step.
  __device__ eight_transform transform() const {
    const bool wanted = How != gathering::elements && tap_.inside;
    return eight_transform(wanted ? g_.transform : pending{}, wanted ? tap_.channel : 0);
  }

 private:
  __device__ static int column() { return static_cast<int>(threadIdx.x) % vectors * 8; }
  __device__ static int step(int i) { return static_cast<int>(threadIdx.x) / vectors + i * (block_threads / vectors); }
  __device__ static T* at(T* tile, int i) { return tile + tile_at<T, fast_index::other>(step(i), column(), Extent); }

  const gather<T>& g_;
  int first_;
  gathered_column tap_;
  bit_queue<count, weights_stages<T, Extent> - 1> there_;  // finish() comes before the next begin()
};

template <class T, int Extent, gathering Left, gathering Right>
__global__ __launch_bounds__(block_threads,
                             weights_blocks(Extent)) void convolve_weights(const __grid_constant__ weights_job<T> job) {
  constexpr int size = tile_size<T, fast_index::other>(Extent), depth = weights_stages<T, Extent>;
  extern __shared__ __align__(16) unsigned char memory[];
  T* const tiles = reinterpret_cast<T*>(memory);
  const int rows = job.of.rows, columns = job.of.columns, first_row = static_cast<int>(blockIdx.x) * Extent,
            first_column = static_cast<int>(blockIdx.y) * Extent;
  const int start = static_cast<int>(blockIdx.z) * job.part_pixels,
            end = start + job.part_pixels < job.pixels ? start + job.part_pixels : job.pixels;
  pixel_loader<T, Left, Extent> left(job.left, first_row);
  pixel_loader<T, Right, Extent> right(job.right, first_column);
  const eight_transform transform = left.transform();
  tile_product<T, Extent, Extent> product;
  product.clear();

  int ahead = start;
  int slot_ahead = 0, slot = 0;
  const auto begin = [&] {
    T* const tile = tiles + slot_ahead * 2 * size;
    if (ahead < end)
      left.begin(ahead, end, tile), right.begin(ahead, end, tile + size);
    else
      left.skip(), right.skip();
    commit_copies();
    ahead += tile_k;
    slot_ahead = slot_ahead + 1 == depth ? 0 : slot_ahead + 1;
  };
  for (int i = 0; i + 1 < depth; ++i) begin();
  for (int pixel = start; pixel < end; pixel += tile_k) {
    T* const tile = tiles + slot * 2 * size;
    wait_for_copies<depth - 2>();
    left.finish(transform, tile);
    __syncthreads();
    begin();
    product.template add<fast_index::other, fast_index::other>(tile, tile + size);
    slot = slot + 1 == depth ? 0 : slot + 1;
  }
  wait_for_copies<0>();
  float* const to = job.to + std::int64_t{blockIdx.z} * rows * columns;
  product.each_pair([&](int m, int n, float2 v) {
    const int row = first_row + m, column = first_column + n;
    if (row >= rows || column >= columns) return;
    float* const at = to + std::int64_t{row} * columns + column;
    at[0] = v.x;
    if (column + 1 < columns) at[1] = v.y;
  });
}

template <class T, int Extent, gathering Left, gathering Right>
void launch(cudaStream_t stream, const weights_job<T>& job, const weights_parts& parts) {
  constexpr int bytes =
      weights_stages<T, Extent> * 2 * tile_size<T, fast_index::other>(Extent) * static_cast<int>(sizeof(T));
  static_assert(bytes <= small_block_memory && weights_blocks(Extent) * bytes <= large_block_memory);
  const auto kernel = convolve_weights<T, Extent, Left, Right>;
  if (bytes > 48 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes), "shared memory");
  kernel<<<dim3(static_cast<unsigned>(parts.row_tiles), static_cast<unsigned>(parts.column_tiles),
                static_cast<unsigned>(parts.parts)),
           block_threads, bytes, stream>>>(job);
  check_launch("convolution weights");
}

template <class T, gathering Left, gathering Right>
void launch_extent(cudaStream_t stream, const weights_job<T>& job, const weights_parts& parts) {
  if constexpr (sizeof(T) == 2)
    if (parts.extent == 128) return launch<T, 128, Left, Right>(stream, job, parts);
  launch<T, 64, Left, Right>(stream, job, parts);
}

template <class T, gathering Left>
void launch_right(cudaStream_t stream, const weights_job<T>& job, const weights_parts& parts) {
  if (job.right.vectors()) return launch_extent<T, Left, gathering::pointwise>(stream, job, parts);
  launch_extent<T, Left, gathering::elements>(stream, job, parts);
}

template <class T>
void launch_left(cudaStream_t stream, const weights_job<T>& job, const weights_parts& parts) {
  if (!job.left.vectors()) return launch_right<T, gathering::elements>(stream, job, parts);
  if (job.left.pointwise()) return launch_right<T, gathering::pointwise>(stream, job, parts);
  launch_right<T, gathering::vectors>(stream, job, parts);
}

/// Columns of dy added up: a block sums some rows, a thread a column.
template <class T>
__global__ void sum_columns(tensor<const T> dy, int columns, fast_division image_pixels, int rows_each, float* to) {
  const int column = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (column >= columns) return;
  const auto rows = static_cast<int>(dy.pixels());
  const int first = static_cast<int>(blockIdx.y) * rows_each, last = min(first + rows_each, rows);
  float sum = 0;
#pragma unroll 4
  for (int m = first; m < last; ++m) {
    const int image = image_pixels.quotient(m), pixel = image_pixels.remainder(m, image);
    sum += to_float(dy.data[image * dy.image_stride + pixel * dy.pixel_stride + column]);
  }
  to[std::int64_t{blockIdx.y} * columns + column] = sum;
}

template <class T, class Place>
void bias_gradient(cudaStream_t stream, const tensor<const T>& dy, int columns, float* scratch, const Place& place) {
  constexpr int threads = 128;
  const auto rows = static_cast<int>(dy.pixels());
  const int rows_each = std::max(32, (rows + most_parts - 1) / most_parts), parts = (rows + rows_each - 1) / rows_each;
  sum_columns<<<dim3(static_cast<unsigned>((columns + threads - 1) / threads), static_cast<unsigned>(parts)), threads,
                0, stream>>>(dy, columns, fast_division(dy.height * dy.width), rows_each, scratch);
  check_launch("sum_columns");
  launch_join(stream, scratch, columns, parts, columns, place);
}

/// The product's parts, to `direct` if there is but one and that is given, else to the scratch memory. Returns their
/// number.
template <class T>
int multiply(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const T>& dy,
             const weights_matrix& of, float* direct, float* scratch) {
  const weights_parts parts(of, dy.pixels(), sizeof(T) == 2, multiprocessors());
  const weights_job<T> job{gather<T>(x.x, x.transform, w, dy.height, dy.width, x.x.channels, false),
                           gather<T>(dy, {}, {}, dy.height, dy.width, dy.channels, false),
                           of,
                           static_cast<int>(dy.pixels()),
                           parts.part_pixels,
                           parts.parts == 1 && direct ? direct : scratch};
  launch_left(stream, job, parts);
  return parts.parts;
}

}  // namespace

template <class T>
void conv_backward_weights(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const T>& dy,
                           const gradient_target& to, float* scratch) {
  const weights_matrix& of = to.of;
  const int parts = multiply(stream, w, x, dy, of, of.multiplier == 0 ? to.weights : nullptr, scratch);
  const std::int64_t count = std::int64_t{of.rows} * of.columns;
  if (of.multiplier > 0)
    launch_join(stream, scratch, count, parts, count,
                own_place{to.weights, of.columns, of.columns / of.multiplier, of.multiplier});
  else if (parts > 1)
    launch_join(stream, scratch, count, parts, count, same_place{to.weights});
  if (to.biases) bias_gradient(stream, dy, of.columns, scratch, same_place{to.biases});
}

template <class T>
void conv_backward_weights(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const T>& dy,
                           const gradient_target& first, const gradient_target& second, float* scratch) {
  const weights_matrix both = side_by_side(first.of, second.of);
  const int parts = multiply(stream, w, x, dy, both, nullptr, scratch);
  const std::int64_t count = std::int64_t{both.rows} * both.columns;
  const int split = both.columns - second.of.columns;
  launch_join(stream, scratch, count, parts, count,
              two_places{first.weights, second.weights, both.columns, first.of.columns, split});
  bias_gradient(stream, dy, both.columns, scratch,
                two_places{first.biases, second.biases, both.columns, first.of.columns, split});
}

#define ODT_INSTANTIATE(T)                                                                                    \
  template void conv_backward_weights(cudaStream_t, const window&, const reading<T>&, const tensor<const T>&, \
                                      const gradient_target&, float*);                                        \
  template void conv_backward_weights(cudaStream_t, const window&, const reading<T>&, const tensor<const T>&, \
                                      const gradient_target&, const gradient_target&, float*);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
