// SPDX-License-Identifier: MIT
// Sums and products of two tensors, each read through its transform: ta(a), tb(b).
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// y = ta(a) + tb(b). y may be the memory of either.
void add(thread_pool& pool, const const_tensor& a, const const_tensor& b, const tensor& y);

/// y = (accumulate ? y : 0) + ta(a)*tb(b). b has a's extents, or one pixel an image, [batch, 1, 1, channels], which
/// multiplies all of a's pixels. With dy as a, it is the gradient of b's partner.
void multiply(thread_pool& pool, const const_tensor& a, const const_tensor& b, const tensor& y, bool accumulate);

/// The gradient of a factor that has one pixel an image: db[n, 0, 0, c] = (accumulate ? db[n, 0, 0, c] : 0) + the sum
/// of ta(a)*dy over the pixels of image n.
void multiply_and_sum(thread_pool& pool, const const_tensor& a, const const_tensor& dy, const tensor& db,
                      bool accumulate);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/passes/arithmetic.ipp>
#endif
