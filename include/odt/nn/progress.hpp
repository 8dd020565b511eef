// SPDX-License-Identifier: MIT
// How far the gradients are while backward runs: they lie in the order in which they are finished, so that whoever adds
// them up over several ranks can begin with the first ones.
#pragma once

#include <odt/nn/network.hpp>
#include <odt/nn/plan.hpp>
#include <odt/nn/variable_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace odt {

namespace detail {

/// Calls body(variable's number) for the gradients that an operation writes.
template <class Body>
void each_written_gradient(const network& net, const plan& p, const plan_operation& op, const Body& body) {
  const bool writes = op.kind == operation::weights_backward || op.kind == operation::depthwise_backward ||
                      op.kind == operation::normalize_backward || op.kind == operation::group_norm_backward;
  if (!writes) return;
  for (const int number : net[variables_of(p, op)].variables.all())
    if (number >= 0) body(static_cast<std::size_t>(number));
}

}  // namespace detail

/// Calls body(offset in the store, offset among the layer's own, size) for the gradients of a layer's trained
/// variables.
template <class Body>
void each_trained_gradient(const network& net, const variable_layout& layout, int layer, const Body& body) {
  std::int64_t at = 0;
  for (const int number : net[layer].variables.all()) {
    if (number < 0 || !net.variables[static_cast<std::size_t>(number)].trainable) continue;
    const std::int64_t size = net.variables[static_cast<std::size_t>(number)].size;
    body(layout.offsets[static_cast<std::size_t>(number)], at, size);
    at += size;
  }
}

/// A part of a store of floats.
struct store_range {
  std::int64_t offset = 0;
  std::int64_t size = 0;
};

/// The gradients of trainable variables that no operation of a plan writes: those of layers that no output depends on,
/// and of frozen ones. They are zero.
inline std::vector<store_range> unwritten_gradients(const network& net, const variable_layout& layout, const plan& p) {
  std::vector<char> written(net.variables.size(), 0);
  for (const plan_operation& op : p.operations)
    detail::each_written_gradient(net, p, op, [&written](std::size_t v) { written[v] = 1; });
  std::vector<store_range> ranges;
  for (std::size_t v = 0; v < written.size(); ++v)
    if (!written[v] && layout.offsets[v] >= 0 && layout.offsets[v] < layout.trainable_floats)
      ranges.push_back({layout.offsets[v], net.variables[v].size});
  return ranges;
}

/// By operation of a plan: floats at the beginning of the store of gradients that are final when it is done.
inline std::vector<std::int64_t> finished_gradients(const network& net, const variable_layout& layout, const plan& p) {
  std::vector<int> left(net.variables.size(), 0);  // operations that have yet to write a variable's gradient
  for (const plan_operation& op : p.operations)
    detail::each_written_gradient(net, p, op, [&left](std::size_t v) { ++left[v]; });
  std::vector<const int*> in_order;
  for (const variable& v : layout.variables)
    for (std::size_t number = 0; number < left.size(); ++number)
      if (v.offset < layout.trainable_floats && layout.offsets[number] == v.offset) in_order.push_back(&left[number]);
  std::vector<std::int64_t> finished;
  std::size_t next = 0;
  for (const plan_operation& op : p.operations) {
    detail::each_written_gradient(net, p, op, [&left](std::size_t v) { --left[v]; });
    while (next < in_order.size() && *in_order[next] == 0) ++next;
    finished.push_back(next < in_order.size() ? layout.variables[next].offset : layout.trainable_floats);
  }
  return finished;
}

}  // namespace odt
