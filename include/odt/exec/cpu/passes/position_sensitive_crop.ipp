// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/passes/crop_samples.hpp>
#include <odt/exec/cpu/passes/position_sensitive_crop.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::position_sensitive_crop {

/// Which pixel of the crops a sample belongs to, and its share in it.
struct sample_places {
  bool pooled;
  float share;

  sample_places(const position_sensitive_bins& bins, const shape& y)
      : pooled(y.height == 1 && y.width == 1), share(pooled ? 1.0f / static_cast<float>(bins.samples()) : 1.0f) {}

  template <class T>
  T* at(const basic_tensor<T>& y, int k, int row, int column) const {
    return pooled ? y.pixel(k, 0, 0) : y.pixel(k, row, column);
  }
};

/// body(point, row and column of the crop) for the samples of one bin of a box.
template <class Body>
void each_sample(const position_sensitive_bins& bins, const boxf& b, int bin, int map_height, int map_width,
                 const Body& body) {
  const crop_axis rows = bins.rows(b, bin, map_height), columns = bins.columns(b, bin, map_width);
  const int top = bin / bins.num_spatial_bins_width * rows.out, left = bin % bins.num_spatial_bins_width * columns.out;
  for (int r = 0; r < rows.out; ++r)
    for (int q = 0; q < columns.out; ++q) body(crop_point{rows.tap(r), columns.tap(q)}, top + r, left + q);
}

}  // namespace detail::position_sensitive_crop

ODT_INLINE void position_sensitive_crop(thread_pool& pool, const position_sensitive_bins& bins, const const_tensor& map,
                                        const boxf* boxes, const tensor& y) {
  using namespace detail::position_sensitive_crop;
  const sample_places places(bins, y.extents());
  pool.run(y.batch, [&](int k, int) {
    const int n = image_of_crop(k, y.batch, map.batch);
    clear_channels(y, k, 0, y.channels);
    for (int bin = 0; bin < bins.count(); ++bin)
      each_sample(bins, boxes[k], bin, map.height, map.width, [&](const crop_point& point, int row, int column) {
        if (!point.inside()) return;
        float* const to = places.at(y, k, row, column);
        for (int c = 0; c < y.channels; c += lanes) {
          const int rest = y.channels - c;
          const vec value = point.read(map, n, bin * y.channels + c, rest) * vec(places.share);
          store_first(to + c, load_first(to + c, rest) + value, rest);
        }
      });
  });
}

ODT_INLINE void position_sensitive_crop_backward(thread_pool& pool, const position_sensitive_bins& bins,
                                                 const boxf* boxes, const const_tensor& dy, const tensor& dx,
                                                 bool accumulate) {
  using namespace detail::position_sensitive_crop;
  const sample_places places(bins, dy.extents());
  const int crops = dy.batch / dx.batch;
  pool.run(dx.batch * bins.count(), [&](int job, int) {  // crops overlap: a thread owns the channels of a bin
    const int n = job / bins.count(), bin = job % bins.count(), c = bin * dy.channels;
    if (!accumulate) clear_channels(dx, n, c, dy.channels);
    for (int k = n * crops; k < (n + 1) * crops; ++k)
      each_sample(bins, boxes[k], bin, dx.height, dx.width, [&](const crop_point& point, int row, int column) {
        point.spread(places.at(dy, k, row, column), places.share, dx, n, c, dy.channels);
      });
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
