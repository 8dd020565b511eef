// SPDX-License-Identifier: MIT
// The state of a train step's module: of each variable its value and, where it is trained, its slots and average.
#pragma once

#include <odt/exec/pjrt/module_builder.hpp>
#include <odt/exec/pjrt/update_trace.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/variable_layout.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace odt::pjrt::detail {

/// Takes the state's arguments: each variable's, in the layout's order.
inline std::vector<traced_variable> trace_state(module_builder& m, const variable_layout& layout, std::size_t slots,
                                                bool average) {
  std::vector<traced_variable> state;
  for (const variable& v : layout.variables) {
    const extents shape(v.shape.begin(), v.shape.end());
    traced_variable s{m.argument(element_type::f32, shape), {}, {}};
    if (v.trainable && v.offset < layout.trainable_floats) {
      for (std::size_t k = 0; k < slots; ++k) s.slots.push_back(m.argument(element_type::f32, shape));
      if (average) s.average = m.argument(element_type::f32, shape);
    }
    state.push_back(std::move(s));
  }
  return state;
}

/// Makes the state's results of what the arguments have become.
inline void return_state(module_builder& m, std::span<const traced_variable> before,
                         std::span<const traced_variable> after) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    m.result(after[i].value, before[i].value);
    for (std::size_t k = 0; k < before[i].slots.size(); ++k) m.result(after[i].slots[k], before[i].slots[k]);
    if (before[i].average.given()) m.result(after[i].average, before[i].average);
  }
}

/// Places in the layout of a network's variables.
inline std::vector<std::size_t> places_of(const network& net, const variable_layout& layout) {
  std::vector<std::size_t> places;
  for (std::size_t number = 0; number < net.variables.size(); ++number)
    for (std::size_t i = 0; i < layout.variables.size(); ++i)
      if (layout.variables[i].offset == layout.offsets[number]) places.push_back(i);
  return places;
}

/// The tensors of a state, in the module's order.
inline std::vector<tensor*> tensors_of(std::vector<traced_variable>& state) {
  std::vector<tensor*> all;
  for (traced_variable& v : state) {
    all.push_back(&v.value);
    for (tensor& slot : v.slots) all.push_back(&slot);
    if (v.average.given()) all.push_back(&v.average);
  }
  return all;
}

}  // namespace odt::pjrt::detail
