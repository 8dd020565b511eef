// SPDX-License-Identifier: MIT
// Places all variables of a network in one flat store of floats: those with gradients first, in the order in which
// backward finishes these, frozen ones among them, then the moving averages of batch norm. Gradients, slots and
// averages are parallel stores.
#pragma once

#include <odt/core/error.hpp>
#include <odt/nn/network.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace odt {

/// Offsets of a layer's variables in the store; -1 where the layer has none of the kind.
struct layer_variables_place {
  std::int64_t weights = -1;
  std::int64_t biases = -1;
  std::int64_t gamma = -1;
  std::int64_t beta = -1;
  std::int64_t moving_mean = -1;
  std::int64_t moving_variance = -1;
};

struct variable_layout {
  std::vector<variable> variables;            ///< with their offsets; by falling layer, those with gradients first
  std::vector<std::int64_t> offsets;          ///< by variable of the network
  std::vector<layer_variables_place> layers;  ///< by layer of the network
  std::int64_t trainable_floats = 0;          ///< length of the part with gradients, padding included
  std::int64_t floats = 0;                    ///< length of the store
};

namespace detail {

template <class Named>
void refuse_equal_names(const std::vector<Named>& all, std::string_view what) {
  std::vector<std::string_view> names;
  for (const Named& one : all) names.push_back(one.name);
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
    fail("the network has two ", what, " of the name \"", *twice, "\"");
}

/// Whether backward writes a gradient for a variable, in the role that it has in a layer.
constexpr bool has_gradient(const layer_variables& roles, int number) {
  return number != roles.moving_mean && number != roles.moving_variance;
}

}  // namespace detail

/// Lays out the variables of a network, each once, at a multiple of 16 floats (a cache line). Names that occur twice
/// are errors: layers that share a variable refer to it by one number.
inline variable_layout lay_out(const network& net) {
  detail::refuse_equal_names(net.layers, "layers");
  detail::refuse_equal_names(net.variables, "variables");
  variable_layout layout;
  std::vector<std::int64_t>& offsets = layout.offsets;
  offsets.assign(net.variables.size(), -1);
  std::vector<int> lowest(net.variables.size(), -1);  // the layer that finishes the gradient
  for (int i = net.size() - 1; i >= 0; --i)
    for (const int number : net[i].variables.all())
      if (number >= 0) lowest[static_cast<std::size_t>(number)] = i;
  const auto place = [&](bool with_gradients) {
    for (int i = net.size() - 1; i >= 0; --i)
      for (const int number : net[i].variables.all()) {
        if (number < 0 || lowest[static_cast<std::size_t>(number)] != i) continue;
        if (offsets[static_cast<std::size_t>(number)] >= 0) continue;
        variable v = net.variables[static_cast<std::size_t>(number)];
        if (detail::has_gradient(net[i].variables, number) != with_gradients) continue;
        v.offset = offsets[static_cast<std::size_t>(number)] = layout.floats;
        layout.floats += (v.size + 15) / 16 * 16;
        layout.variables.push_back(std::move(v));
      }
  };
  place(true);
  layout.trainable_floats = layout.floats;
  place(false);
  const auto at = [&offsets](int number) { return number < 0 ? -1 : offsets[static_cast<std::size_t>(number)]; };
  for (const layer& l : net.layers) {
    const layer_variables& v = l.variables;
    layout.layers.push_back(
        {at(v.weights), at(v.biases), at(v.gamma), at(v.beta), at(v.moving_mean), at(v.moving_variance)});
  }
  return layout;
}

/// Tells the network which variables a filter left trainable: lowering makes no backward below the lowest of them.
inline void adopt_trainable(network& net, const variable_layout& layout) {
  for (variable& own : net.variables)
    for (const variable& laid_out : layout.variables)
      if (laid_out.name == own.name) own.trainable = laid_out.trainable;
}

}  // namespace odt
