// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution/convolution_product.hpp>
#include <odt/exec/cpu/convolution/winograd.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE std::size_t conv_scratch(const window& w, const shape& in, const shape& out, int threads) {
  using namespace detail::conv;
  scratch_space forward(nullptr), backward(nullptr), weights(nullptr);
  forward_memory(forward, w, in, out, threads);
  backward_memory(backward, w, in, out, threads);
  weights_memory(weights, w, in, out, threads);
  const std::size_t points = detail::winograd::suits(w, in, out) ? winograd_scratch(in, out, threads) : 0;
  return std::max({forward.used(), backward.used(), weights.used(), points});
}

ODT_INLINE packed_form packed_form_of(const window& w, const shape& in, const shape& out) {
  return detail::winograd::suits(w, in, out) ? packed_form::points : packed_form::panels;
}

ODT_INLINE std::size_t conv_packed_bytes(const window& w, const shape& in, const shape& out) {
  scratch_space space(nullptr);
  if (packed_form_of(w, in, out) == packed_form::points)
    space.take(detail::winograd::packed_size(in.channels, out.channels));
  else
    space.take(panels_size(detail::conv::kernel_depth(w, in.channels), out.channels));
  return space.used();
}

ODT_INLINE void conv_pack(thread_pool& pool, const window& w, const shape& in, const shape& out, const float* weights,
                          float* packed) {
  if (packed_form_of(w, in, out) == packed_form::points)
    return detail::winograd::pack_weights(pool, weights, in.channels, out.channels, packed);
  with_product(w.compute, [&]<class Product>(Product) {
    detail::conv::pack_weights<Product>(pool, weights, detail::conv::kernel_depth(w, in.channels), out.channels,
                                        packed);
  });
}

ODT_INLINE void conv_forward(thread_pool& pool, const window& w, const const_tensor& x, const float* weights,
                             const float* bias, const tensor& y, const batch_statistics* statistics, std::byte* scratch,
                             const pending& finish, const float* packed) {
  if (detail::winograd::suits(w, x.extents(), y.extents()))
    return winograd_forward(pool, w, x, weights, bias, y, statistics, scratch, finish, packed);
  with_product(w.compute, [&]<class Product>(Product) {
    detail::conv::forward<Product>(pool, w, x, weights, bias, y, statistics, scratch, finish, packed);
  });
}

ODT_INLINE void conv_backward_data(thread_pool& pool, const window& w, const const_tensor& dy, const float* weights,
                                   const tensor& dx, bool accumulate, std::byte* scratch, const gradient_sums* sums,
                                   gradient_kind kind) {
  if (kind == gradient_kind::dense && detail::winograd::suits(w, dx.extents(), dy.extents()))
    return winograd_backward_data(pool, w, dy, weights, dx, accumulate, scratch, sums);
  with_product(w.compute, [&]<class Product>(Product) {
    detail::conv::backward_data<Product>(pool, w, dy, weights, dx, accumulate, scratch, sums, kind);
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
