// SPDX-License-Identifier: MIT
// What one launch of a convolution is told, and how the rows, columns and tiles of its product are numbered.
#pragma once

#include <odt/exec/cuda/convolution/epilogue.cuh>
#include <odt/exec/cuda/convolution/gather.cuh>
#include <odt/exec/cuda/convolution/mma.cuh>
#include <odt/exec/cuda/convolution/phases.hpp>

#include <type_traits>

namespace odt::cuda {

/// T: the type of the product's factors; Out: see epilogue.cuh.
template <class T, class Out>
struct convolution_job {
  gather<T> left;
  const T* weights;   ///< forward: [k][weight_stride]; data gradient: [tap][n][weight_stride]
  int weight_stride;  ///< packed output channels of the convolution
  int columns;        ///< of the product
  int rows;           ///< of the product
  epilogue<T, Out> out;
};

/// With what follows from the way its left factor is gathered. The rows of a tile lie in one phase; without phases all
/// lie in phase 0.
template <class T, class Out, gathering How>
struct gathered_job : convolution_job<T, Out> {
  static constexpr gathering how = How;
  static constexpr bool phased = How == gathering::phased;
  struct no_phases {};

  std::conditional_t<phased, phases, no_phases> by_stride{};

  gathered_job(const convolution_job<T, Out>& job, int tile_rows) : convolution_job<T, Out>(job) {
    if constexpr (phased) by_stride = phases(job.left.w, job.out.y.batch, job.out.y.height, job.out.y.width, tile_rows);
  }

  /// Tiles of M rows.
  template <int M>
  ODT_HD int tiles() const {
    if constexpr (phased) return by_stride.tiles;
    return (this->rows + M - 1) / M;
  }
  __device__ int phase_of(int tile) const {
    if constexpr (phased) return by_stride.of_tile(tile);
    return 0;
  }
  /// The first row of a tile, counted from its phase's.
  template <int M>
  __device__ int first_row(int tile, int phase_number) const {
    if constexpr (phased) return (tile - by_stride.at[phase_number].first_tile) * M;
    return tile * M;
  }

  __device__ int rows_of(int phase_number) const {
    if constexpr (phased) return by_stride.at[phase_number].rows;
    return this->rows;
  }
  __device__ int taps_of(int phase_number) const {
    if constexpr (phased) return by_stride.at[phase_number].taps;
    return this->left.taps;
  }
  __device__ int steps_of(int phase_number) const {
    const int steps = (taps_of(phase_number) * this->left.channels.divisor() + tile_k - 1) / tile_k;
    return phased && steps == 0 ? 1 : steps;  // without taps a step of zeros
  }

  __device__ gathered_row row(int phase_number, int m) const {
    if constexpr (phased) return gathered_row::of(this->left, by_stride.at[phase_number], m);
    return gathered_row::of<How>(this->left, m, this->rows);
  }
  __device__ gathered_column column(int phase_number, int k) const {
    if constexpr (phased) return gathered_column::of(this->left, by_stride, by_stride.at[phase_number], k);
    return gathered_column::of<How>(this->left, k);
  }
  /// The window's tap that is a phase's nth.
  __device__ int tap(int phase_number, int nth_tap) const {
    if constexpr (phased) return by_stride.tap(phase_number, nth_tap, this->left.kernel_width.divisor());
    return nth_tap;
  }
  /// Where a row goes.
  __device__ pixel_place place(int phase_number, int m) const {
    if constexpr (phased) return by_stride.place(phase_number, m, this->out.y.width);
    return this->out.place(m);
  }
};

}  // namespace odt::cuda
