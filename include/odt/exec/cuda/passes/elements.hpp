// SPDX-License-Identifier: MIT
// Passes over the elements of whole tensors: copies between precisions, zeros, padding, dropout. T is float or bf16.
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>
#include <odt/nn/dropout.hpp>

#include <cstdint>

namespace odt::cuda {

/// scale = 1 and shift = 0, `count` of each.
void make_identity(cudaStream_t stream, float* scale, float* shift, std::int64_t count);

/// y = 0.
template <class T>
void clear(cudaStream_t stream, const tensor<T>& y);

/// y = transform(x), with zeros below and to the right of it.
template <class T>
void pad(cudaStream_t stream, const reading<T>& x, const tensor<T>& y);

/// Which elements, or images, a dropout keeps: a function of seed, step, layer and element, or image, the same as on
/// the CPU.
struct dropout_choice {
  std::uint64_t seed = 0;
  const std::uint64_t* step = nullptr;  ///< device memory
  std::uint64_t layer = 0;
  dropout_options options{};
};

/// y = (accumulate ? y : 0) + (kept ? transform(x) / the probability of that : 0): forward, and backward with x = dy,
/// y = dx.
template <class T>
void dropout(cudaStream_t stream, const reading<T>& x, const tensor<T>& y, bool accumulate,
             const dropout_choice& choice);

/// y = (accumulate ? y : 0) + transform(x), from one precision to another.
template <class From, class To>
void copy(cudaStream_t stream, const reading<From>& x, const tensor<To>& y, bool accumulate);

/// to[i] = from[i], i < count.
template <class T>
void convert(cudaStream_t stream, const float* from, T* to, std::int64_t count);

}  // namespace odt::cuda
