// SPDX-License-Identifier: MIT
// The state of a detector as checkpoints name it, and how it begins.
#pragma once

#include <odt/core/random.hpp>
#include <odt/detector.hpp>
#include <odt/exec/step.hpp>
#include <odt/nn/variable_layout.hpp>
#include <odt/optimizer.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace odt::detail {

/// Fills variables by their initializers, each from a stream of its own name, and slots and scalars as their optimizer
/// wants them.
template <optimizer O>
void initialize_stores(const variable_layout& layout, const variable_stores& stores, std::uint64_t seed, const O& how) {
  std::ranges::fill(stores.values, 0.0f);
  for (const variable& v : layout.variables) {
    std::uint64_t key = 14695981039346656037u;  // FNV-1a of the name
    for (const char c : v.name.view()) key = (key ^ static_cast<unsigned char>(c)) * 1099511628211u;
    random_stream random(seed, key, 0x1417u);
    initialize(v.init, v.shape, random,
               stores.values.subspan(static_cast<std::size_t>(v.offset), static_cast<std::size_t>(v.size)));
  }
  for (std::size_t s = 0; s < stores.slots.size(); ++s) std::ranges::fill(stores.slots[s], how.slots[s].initial);
  for (std::size_t s = 0; s < stores.scalars.size(); ++s) stores.scalars[s] = O::scalars[s].initial;
  std::ranges::copy(stores.values.first(stores.averages.size()), stores.averages.begin());
}

/// All tensors of a checkpoint: variables, then slots and averages of the trainable ones, then the optimizer's scalars.
template <optimizer O>
std::vector<editable_tensor> state_of(const variable_layout& layout, const variable_stores& stores, const O& how) {
  std::vector<editable_tensor> state;
  const auto part = [](std::span<float> store, const variable& v) {
    return store.subspan(static_cast<std::size_t>(v.offset), static_cast<std::size_t>(v.size));
  };
  for (const variable& v : layout.variables)
    state.push_back({v.name, v.shape, part(stores.values, v), true, v.trainable});
  for (const variable& v : layout.variables) {
    if (v.offset >= layout.trainable_floats || !v.trainable) continue;
    for (std::size_t s = 0; s < stores.slots.size(); ++s)
      state.push_back({str(v.name, "/", how.slots[s].suffix), v.shape, part(stores.slots[s], v), false, true});
    if (!stores.averages.empty())
      state.push_back({v.name + "/ExponentialMovingAverage", v.shape, part(stores.averages, v), false, true});
  }
  for (std::size_t s = 0; s < stores.scalars.size(); ++s) {
    const std::string_view name = O::scalars[s].name;
    state.push_back({std::string(name), std::vector<int>(), stores.scalars.subspan(s, 1), false, false});
  }
  return state;
}

/// The same tensors, to be read.
inline std::vector<state_tensor> readable(const std::vector<editable_tensor>& state) {
  std::vector<state_tensor> all;
  for (const editable_tensor& t : state) all.push_back({t.name, t.shape, t.values, t.model_variable, t.trainable});
  return all;
}

}  // namespace odt::detail
