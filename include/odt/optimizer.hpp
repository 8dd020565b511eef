// SPDX-License-Identifier: MIT
// An optimizer says how one variable moves, given its gradient. Where gradients come from, clipping, regularization,
// moving averages of the variables and loops are others' affair.
//
// Required of an optimizer O, for T = float, double or a SIMD batch of floats:
//   static constexpr std::array<optimizer_slot, N> slots;       numbers kept for each number of a variable
//   static constexpr std::array<optimizer_scalar, M> scalars;   numbers kept once
//   float rate(float learning_rate, std::array<float, M> scalars) const             the rate of this step
//   void advance(std::array<float, M>& scalars) const                               after a step
//   ODT_HD void update(T& value, T gradient, T rate, std::array<T, N>& slots) const
// Laws: with a zero gradient and fresh slots nothing moves; a first step goes against its gradient.
// Optimizers: optimizers/{rms_prop,momentum,adam}.hpp.
#pragma once

#include <odt/core/policy.hpp>
#include <odt/core/scalar.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace odt {

/// A number kept for each number of a variable, in checkpoints under the variable's name + "/" + suffix.
struct optimizer_slot {
  std::string_view suffix;
  float initial = 0;
};

/// A number kept once, in checkpoints under its name.
struct optimizer_scalar {
  std::string_view name;
  float initial = 0;
};

/// The slots of one number.
template <class O, class T>
using optimizer_slots = std::array<T, O::slots.size()>;

/// The numbers that an optimizer keeps once.
template <class O>
using optimizer_scalars = std::array<float, O::scalars.size()>;

namespace detail {

template <class O, class T>
concept updates = requires(const O& how, T& value, const T& x, optimizer_slots<O, T>& slots) {
  { how.update(value, x, x, slots) } -> std::same_as<void>;
};

}  // namespace detail

template <class O>
concept optimizer = policy<O> && requires(const O& how, float rate, optimizer_scalars<O>& scalars) {
  { how.rate(rate, scalars) } -> std::same_as<float>;
  { how.advance(scalars) } -> std::same_as<void>;
} && detail::updates<O, float> && detail::updates<O, double>;

/// The scalars of an optimizer before the first step.
template <optimizer O>
constexpr optimizer_scalars<O> initial_scalars() {
  optimizer_scalars<O> scalars{};
  for (std::size_t i = 0; i < scalars.size(); ++i) scalars[i] = O::scalars[i].initial;
  return scalars;
}

}  // namespace odt
