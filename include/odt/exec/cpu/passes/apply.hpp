// SPDX-License-Identifier: MIT
// A function of single values, and its gradient.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>
#include <odt/nn/activation.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// y = f(transform(x)). y may be x's memory.
void apply(thread_pool& pool, const elementwise& f, const const_tensor& x, const tensor& y);

/// dx = (accumulate ? dx : 0) + f'(transform(x))*dy, the gradient with respect to the transformed x. Of the identity x
/// is not read. dx may be dy's memory.
void apply_backward(thread_pool& pool, const elementwise& f, const const_tensor& x, const const_tensor& dy,
                    const tensor& dx, bool accumulate);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/passes/apply.ipp>
#endif
