// SPDX-License-Identifier: MIT
// The weights' gradient.
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution/weights_product.hpp>
#include <odt/exec/cpu/convolution/winograd.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE void conv_backward_weights(thread_pool& pool, const window& w, const const_tensor& x, const const_tensor& dy,
                                      float* dw, float* dbias, std::byte* scratch, bool accumulate,
                                      gradient_kind kind) {
  if (kind == gradient_kind::dense && detail::winograd::suits(w, x.extents(), dy.extents()))
    return winograd_backward_weights(pool, w, x, dy, dw, dbias, scratch, accumulate);
  with_product(w.compute, [&]<class Product>(Product) {
    detail::conv::backward_weights<Product>(pool, w, x, dy, dw, dbias, scratch, accumulate, kind);
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
