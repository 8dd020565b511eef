// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/image_launch.cuh>
#include <odt/exec/cuda/passes/crop_samples.cuh>
#include <odt/exec/cuda/passes/position_sensitive_crop.hpp>

namespace odt::cuda {

namespace {

template <class T>
struct forward_pass {
  reading<T> map;
  const boxf* boxes;
  tensor<T> y;
  position_sensitive_bins bins;
  int crops;                    ///< of an image
  fast_division width;          ///< of a crop
  tensor<const T> all_samples;  ///< extents alone: those of the crops before they are pooled
};

/// Sample number s of a crop.
template <int Width, class T>
__device__ floats<Width> sample_bin(const forward_pass<T>& pass, int crop, int s, int c) {
  const position_sensitive_bins& bins = pass.bins;
  const int y = pass.width.quotient(s), x = pass.width.remainder(s, y);
  const int row = y / bins.bin_height(), column = x / bins.bin_width(),
            bin = row * bins.num_spatial_bins_width + column;
  const boxf box = pass.boxes[crop];
  const crop_axis rows = bins.rows(box, bin, pass.map.x.height), columns = bins.columns(box, bin, pass.map.x.width);
  return sample_map<Width>(pass.map, crop / pass.crops, rows.tap(y - row * rows.out),
                           columns.tap(x - column * columns.out), bin * pass.y.channels + c);
}

template <int Width, class T>
__global__ void __launch_bounds__(image_threads) average_samples(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  const bool active = c < pass.y.channels;
  const image_share own(pass.all_samples, 1);
  floats<Width> sum{};
  if (active)
    for (unsigned s = own.pixels.first; s < own.pixels.count; s += own.pixels.step)
      add_share(sum, 1.0f, sample_bin<Width>(pass, own.image, static_cast<int>(s), c));
  join_row_sums<image_threads>(sum);
  if (!active || threadIdx.y != 0) return;
#pragma unroll
  for (int i = 0; i < Width; ++i) sum[i] /= static_cast<float>(own.pixels.count);
  store<Width>(image_pixels(pass.y, own.image).data + c, sum);
}

template <class T>
struct backward_pass {
  const boxf* boxes;
  tensor<const T> dy;
  tensor<T> dx;
  position_sensitive_bins bins;
  int crops;  ///< of an image
  float share;
  bool accumulate;
  fast_division depth;  ///< of a bin
  pixel_grid grid;      ///< of dx
};

/// Every sample of a crop has the same gradient: a pixel's part of it is that of its row's samples by its column's.
template <int Width, class T>
__global__ void __launch_bounds__(block_threads) gather_bins(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.dx.channels) return;
  const int bin = pass.depth.quotient(c), within = pass.depth.remainder(c, bin);
  each_item<1>(pass.grid.pixels, [&](auto, unsigned pixel, unsigned) {
    const pixel_grid::place at = pass.grid.at(pixel);
    T* const to = element(pass.dx, at.n, at.y, at.x, c);
    floats<Width> sum = load_if<Width>(pass.accumulate, to);
    for (int k = at.n * pass.crops; k < (at.n + 1) * pass.crops; ++k) {
      const float row = pass.bins.rows(pass.boxes[k], bin, pass.dx.height).total_of(at.y);
      if (row == 0) continue;
      const float share = row * pass.bins.columns(pass.boxes[k], bin, pass.dx.width).total_of(at.x);
      if (share != 0) add_share(sum, share * pass.share, load<Width>(element(pass.dy, k, 0, 0, within)));
    }
    store<Width>(to, sum);
  });
}

}  // namespace

template <class T>
void position_sensitive_crop(cudaStream_t stream, const position_sensitive_bins& bins, const reading<T>& map,
                             const boxf* boxes, const tensor<T>& y) {
  if (y.pixels() == 0) return;
  const tensor<const T> all{nullptr, y.batch, bins.crop_height, bins.crop_width, y.channels};
  const forward_pass<T> pass{map, boxes, y, bins, y.batch / map.x.batch, fast_division(bins.crop_width), all};
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = image_launch(all, width, 1, image_threads).shape;
        average_samples<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch("position_sensitive_crop");
      },
      map.x, y);
}

template <class T>
void position_sensitive_crop_backward(cudaStream_t stream, const position_sensitive_bins& bins, const boxf* boxes,
                                      const tensor<const T>& dy, const tensor<T>& dx, bool accumulate) {
  if (dx.pixels() == 0) return;
  const float share = 1.0f / static_cast<float>(bins.samples());
  const backward_pass<T> pass{
      boxes, dy, dx, bins, dy.batch / dx.batch, share, accumulate, fast_division(dy.channels), pixel_grid(dx)};
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(dx.channels, width, pass.grid.pixels, pass_blocks());
        gather_bins<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch("position_sensitive_crop_backward");
      },
      dy, dx);
}

#define ODT_INSTANTIATE(T)                                                                                            \
  template void position_sensitive_crop(cudaStream_t, const position_sensitive_bins&, const reading<T>&, const boxf*, \
                                        const tensor<T>&);                                                            \
  template void position_sensitive_crop_backward(cudaStream_t, const position_sensitive_bins&, const boxf*,           \
                                                 const tensor<const T>&, const tensor<T>&, bool);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
