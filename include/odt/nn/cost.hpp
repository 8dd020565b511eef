// SPDX-License-Identifier: MIT
// What the operations of a plan cost at least, whoever runs them: floating-point operations, and the bytes of tensors
// that each has to read and write once. An operation that needs two passes over a tensor loses that against this.
#pragma once

#include <odt/nn/network.hpp>
#include <odt/nn/plan.hpp>

#include <cstdint>
#include <string_view>

namespace odt {

struct operation_cost {
  std::int64_t flops = 0;  ///< a multiply-add is two; taps beyond the border count
  std::int64_t bytes = 0;

  constexpr operation_cost& operator+=(const operation_cost& other) {
    flops += other.flops, bytes += other.bytes;
    return *this;
  }
  friend constexpr bool operator==(const operation_cost&, const operation_cost&) = default;
};

/// For tables: "convolution", and with dw or dx behind it the gradient of its weights or of its input.
constexpr std::string_view name_of(operation kind) {
  switch (kind) {
    case operation::pad:
      return "pad";
    case operation::convolution:
      return "convolution";
    case operation::depthwise_convolution:
      return "depthwise";
    case operation::separable_convolution:
      return "separable";
    case operation::normalize:
      return "batch norm";
    case operation::max_pool:
      return "max pool";
    case operation::average_pool:
      return "average pool";
    case operation::dropout:
      return "dropout";
    case operation::loss:
      return "loss";
    case operation::zero:
      return "zero";
    case operation::normalize_backward:
      return "batch norm dx";
    case operation::clamp_backward:
      return "activation dx";
    case operation::weights_backward:
      return "convolution dw";
    case operation::data_backward:
      return "convolution dx";
    case operation::depthwise_backward:
      return "depthwise dw dx";
    case operation::max_pool_backward:
      return "max pool dx";
    case operation::average_pool_backward:
      return "average pool dx";
    case operation::dropout_backward:
      return "dropout dx";
  }
  return "other";
}

namespace detail {

/// The numbers that an operation's cost is made of.
struct operation_sizes {
  std::int64_t taps = 1;      ///< of the window
  std::int64_t weights = 0;   ///< floats
  std::int64_t products = 0;  ///< multiply-adds of a convolution in any of its three directions
  std::int64_t in = 0;        ///< floats that are read of the layer's input
  std::int64_t out = 0;       ///< floats of its output
  std::int64_t sent = 0;      ///< floats read and written to send a gradient to the input
};

constexpr operation_sizes sizes_of(const network& net, const plan& p, const plan_operation& op) {
  const layer& l = net[op.layer];
  const auto floats = [&p](int number) {
    const tensor_place& t = p.places[static_cast<std::size_t>(number)].value;
    return std::int64_t{p.batch} * t.height * t.width * t.channels;
  };
  operation_sizes s;
  s.taps = std::int64_t{l.kernel_height} * l.kernel_width;
  s.out = floats(op.layer);
  if (l.inputs.empty()) return s;
  s.in = floats(l.inputs[0]);
  s.sent = op.accumulate ? 2 * s.in : s.in;
  const bool dense = l.kind == layer_kind::convolution;
  s.products = s.out * s.taps * (dense ? net.channels(l.inputs[0]) : 1);
  s.weights = s.taps * l.channels * (dense ? net.channels(l.inputs[0]) : 1);
  return s;
}

constexpr operation_cost in_floats(std::int64_t flops, std::int64_t floats) {
  return {flops, floats * std::int64_t{sizeof(float)}};
}

}  // namespace detail

namespace detail {

/// Of a pointwise layer and the depthwise one before it, but for what lies between them.
constexpr operation_cost separable_cost(const network& net, const plan& p, const plan_operation& op) {
  const int depthwise = p.places[static_cast<std::size_t>(net[op.layer].inputs[0])].producer;
  const operation_sizes second = sizes_of(net, p, op), first = sizes_of(net, p, {.layer = depthwise});
  return in_floats(2 * (first.products + second.products), first.in + first.weights + second.weights + second.out);
}

}  // namespace detail

/// The least that an operation of a plan has to do. Operations of elements count roughly: they live on bandwidth.
constexpr operation_cost cost_of(const network& net, const plan& p, const plan_operation& op) {
  const detail::operation_sizes s = detail::sizes_of(net, p, op);
  switch (op.kind) {
    case operation::convolution:
    case operation::depthwise_convolution:
      return detail::in_floats(2 * s.products, s.in + s.weights + s.out);
    case operation::separable_convolution:
      return detail::separable_cost(net, p, op);
    case operation::weights_backward:
      return detail::in_floats(2 * s.products, s.in + s.out + s.weights);
    case operation::data_backward:
      return detail::in_floats(2 * s.products, s.out + s.weights + s.sent + (op.sums ? s.in : 0));
    case operation::depthwise_backward: {
      const bool sends = p.places[static_cast<std::size_t>(net[op.layer].inputs[0])].differentiable;
      return detail::in_floats((sends ? 4 : 2) * s.products, s.in + s.out + s.weights + (sends ? s.sent : 0));
    }
    case operation::normalize:
      return detail::in_floats(8 * net.channels(op.layer), 8 * net.channels(op.layer));
    case operation::normalize_backward:
      return detail::in_floats(10 * s.out, 3 * s.out);
    case operation::clamp_backward:
      return detail::in_floats(s.out, 3 * s.out);
    case operation::max_pool:
    case operation::average_pool:
      return detail::in_floats(s.taps * s.out, s.in + s.out);
    case operation::max_pool_backward:
      return detail::in_floats(s.taps * s.out, s.in + s.out + s.sent);
    case operation::average_pool_backward:
      return detail::in_floats(s.taps * s.out, s.out + s.sent);
    case operation::dropout:
      return detail::in_floats(s.out, s.in + s.out);
    case operation::dropout_backward:
      return detail::in_floats(s.out, s.out + s.sent);
    case operation::pad:
      return detail::in_floats(0, s.in + s.out);
    case operation::zero:
      return detail::in_floats(0, s.out);
    case operation::loss: {
      const std::int64_t predictions = std::int64_t{p.batch} * p.anchors * (p.class_slots + p.code_size);
      return detail::in_floats(10 * predictions, 2 * predictions);
    }
  }
  return {};
}

/// The sum over a plan.
constexpr operation_cost cost_of(const network& net, const plan& p) {
  operation_cost sum;
  for (const plan_operation& op : p.operations) sum += cost_of(net, p, op);
  return sum;
}

/// An optimizer's update of `floats` variables: all stores are read, all but the gradients written.
constexpr operation_cost update_cost(std::int64_t floats, int slots, bool averages) {
  const int stores = 1 + slots + (averages ? 1 : 0);
  return detail::in_floats((2 + 4 * stores) * floats, (2 * stores + 1) * floats);
}

}  // namespace odt
