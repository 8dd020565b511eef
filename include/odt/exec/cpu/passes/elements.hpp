// SPDX-License-Identifier: MIT
// Passes over the elements of whole tensors: zeros, padding, dropout.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>
#include <odt/nn/dropout.hpp>

#include <cstdint>

namespace odt::cpu {
inline namespace ODT_ISA {

/// y = 0, with what lies between the channels of its pixels.
void clear(const tensor& y);

/// y = transform(x), with zeros below and to the right of it.
void pad(thread_pool& pool, const const_tensor& x, const tensor& y);

/// Which elements, or images, a dropout keeps: a function of seed, step, layer and element, or image.
struct dropout_choice {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  std::uint64_t layer = 0;
  dropout_options options{};
};

/// y = (accumulate ? y : 0) + (kept ? x / the probability of that : 0): forward, and backward with x = dy, y = dx. x
/// may be y.
void dropout(thread_pool& pool, const tensor& x, const tensor& y, bool accumulate, const dropout_choice& choice);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/passes/elements.ipp>
#endif
