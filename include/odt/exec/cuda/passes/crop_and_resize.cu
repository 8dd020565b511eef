// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/pixel_loops.cuh>
#include <odt/exec/cuda/passes/crop_and_resize.hpp>
#include <odt/exec/cuda/passes/crop_samples.cuh>

namespace odt::cuda {

namespace {

template <class T>
struct forward_pass {
  reading<T> map;
  const boxf* boxes;
  tensor<T> y;
  fast_division crops;  ///< of an image
  pixel_grid grid;      ///< of y
};

template <int Width, class T>
__global__ void __launch_bounds__(block_threads) crop_map(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.y.channels) return;
  each_item<1>(pass.grid.pixels, [&](auto, unsigned pixel, unsigned) {
    const pixel_grid::place at = pass.grid.at(pixel);
    const crop_tap row = crop_rows(pass.boxes, at.n, pass.map.x.height, pass.y.height).tap(at.y);
    const crop_tap column = crop_columns(pass.boxes, at.n, pass.map.x.width, pass.y.width).tap(at.x);
    store<Width>(element(pass.y, at.n, at.y, at.x, c),
                 sample_map<Width>(pass.map, pass.crops.quotient(at.n), row, column, c));
  });
}

template <class T>
struct backward_pass {
  const boxf* boxes;
  tensor<const T> dy;
  tensor<T> dx;
  int crops;  ///< of an image
  bool accumulate;
  pixel_grid grid;  ///< of dx
};

/// Adds what a crop sends to a pixel.
template <int Width, class T>
__device__ void gather(floats<Width>& sum, const tensor<const T>& dy, int crop, const crop_axis& rows,
                       const crop_axis& columns, int y, int x, int c) {
  const crop_range down = rows.near(y), along = columns.near(x);
  for (int r = down.begin; r < down.end; ++r)
#pragma unroll 1  // it would spill
    for (int q = along.begin; q < along.end; ++q)
      add_share(sum, rows.tap(r).of(y) * columns.tap(q).of(x), load<Width>(element(dy, crop, r, q, c)));
}

template <int Width, class T>
__global__ void __launch_bounds__(block_threads) gather_crops(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.dx.channels) return;
  each_item<1>(pass.grid.pixels, [&](auto, unsigned pixel, unsigned) {
    const pixel_grid::place at = pass.grid.at(pixel);
    T* const to = element(pass.dx, at.n, at.y, at.x, c);
    floats<Width> sum = load_if<Width>(pass.accumulate, to);
    for (int k = at.n * pass.crops; k < (at.n + 1) * pass.crops; ++k)
      gather(sum, pass.dy, k, crop_rows(pass.boxes, k, pass.dx.height, pass.dy.height),
             crop_columns(pass.boxes, k, pass.dx.width, pass.dy.width), at.y, at.x, c);
    store<Width>(to, sum);
  });
}

}  // namespace

template <class T>
void crop_and_resize(cudaStream_t stream, const reading<T>& map, const boxf* boxes, const tensor<T>& y) {
  if (y.pixels() == 0) return;
  const forward_pass<T> pass{map, boxes, y, fast_division(y.batch / map.x.batch), pixel_grid(y)};
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(y.channels, width, pass.grid.pixels, pass_blocks());
        crop_map<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch("crop_and_resize");
      },
      map.x, y);
}

template <class T>
void crop_and_resize_backward(cudaStream_t stream, const boxf* boxes, const tensor<const T>& dy, const tensor<T>& dx,
                              bool accumulate) {
  if (dx.pixels() == 0) return;
  const backward_pass<T> pass{boxes, dy, dx, dy.batch / dx.batch, accumulate, pixel_grid(dx)};
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(dx.channels, width, pass.grid.pixels, pass_blocks());
        gather_crops<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch("crop_and_resize_backward");
      },
      dy, dx);
}

#define ODT_INSTANTIATE(T)                                                                       \
  template void crop_and_resize(cudaStream_t, const reading<T>&, const boxf*, const tensor<T>&); \
  template void crop_and_resize_backward(cudaStream_t, const boxf*, const tensor<const T>&, const tensor<T>&, bool);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
