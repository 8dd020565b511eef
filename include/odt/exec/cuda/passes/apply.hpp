// SPDX-License-Identifier: MIT
// Functions of single values over whole tensors. T is float or bf16.
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>
#include <odt/nn/activation.hpp>

namespace odt::cuda {

/// y = f(transform(x)); y may be x's memory.
template <class T>
void apply(cudaStream_t stream, const elementwise& f, const reading<T>& x, const tensor<T>& y);

/// dx = (accumulate ? dx : 0) + f'(transform(x)) * dy: the gradient with respect to the transformed x. dx may be dy's
/// memory. For the identity x is not read.
template <class T>
void apply_backward(cudaStream_t stream, const elementwise& f, const reading<T>& x, const tensor<const T>& dy,
                    const tensor<T>& dx, bool accumulate);

}  // namespace odt::cuda
