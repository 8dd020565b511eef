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
    case operation::statistics:
      return "statistics";
    case operation::normalize:
      return "batch norm";
    case operation::copy:
      return "copy";
    case operation::apply:
      return "activation";
    case operation::group_norm:
      return "group norm";
    case operation::max_pool:
      return "max pool";
    case operation::average_pool:
      return "average pool";
    case operation::global_pool:
      return "global pool";
    case operation::add:
      return "add";
    case operation::multiply:
      return "multiply";
    case operation::upsample:
      return "upsample";
    case operation::dropout:
      return "dropout";
    case operation::regions:
      return "regions";
    case operation::crop_and_resize:
      return "crop";
    case operation::position_sensitive_crop:
      return "position-sensitive crop";
    case operation::loss:
      return "loss";
    case operation::zero:
      return "zero";
    case operation::normalize_backward:
      return "batch norm dx";
    case operation::clamp_backward:
    case operation::apply_backward:
      return "activation dx";
    case operation::copy_backward:
      return "copy dx";
    case operation::group_norm_backward:
      return "group norm dx";
    case operation::global_pool_backward:
      return "global pool dx";
    case operation::multiply_backward:
      return "multiply dx";
    case operation::upsample_backward:
      return "upsample dx";
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
    case operation::crop_and_resize_backward:
      return "crop dx";
    case operation::position_sensitive_crop_backward:
      return "position-sensitive crop dx";
  }
  return "other";
}

namespace detail {

constexpr std::int64_t taps_of(const layer& l) { return std::int64_t{l.kernel_height} * l.kernel_width; }

/// Floats of a convolution's weights.
constexpr std::int64_t weights_of(const network& net, int number) {
  const layer& l = net[number];
  return taps_of(l) * l.channels * (l.kind == layer_kind::convolution ? net.channels(l.inputs[0]) : 1);
}

/// Multiply-adds of a convolution, in any of its three directions.
constexpr std::int64_t products_of(const network& net, const plan& p, int number) {
  return p.value(number).elements() / net.channels(number) * weights_of(net, number);
}

/// Of the tensors that it reads and writes.
constexpr std::int64_t operand_floats(const plan& p, const plan_operation& op) {
  std::int64_t sum = 0;
  for (const operand& o : op.operands) sum += p[o].elements() * (o.how == access::add ? 2 : 1);
  return sum;
}

/// Floats of the variables that it reads or whose gradients it writes.
constexpr std::int64_t variable_floats(const network& net, const plan& p, const plan_operation& op) {
  switch (op.kind) {
    case operation::convolution:
    case operation::depthwise_convolution:
    case operation::weights_backward:
    case operation::data_backward:
    case operation::depthwise_backward:
      return weights_of(net, op.layer);
    case operation::separable_convolution:
      return weights_of(net, op.layer) + weights_of(net, p.of(net[op.layer].inputs[0]).producer);
    case operation::normalize:
      return 8 * net.channels(op.layer);
    default:
      return 0;
  }
}

/// Operations of elements count roughly: they live on bandwidth.
constexpr std::int64_t flops_of(const network& net, const plan& p, const plan_operation& op) {
  const std::int64_t out = p.of(op.layer).value < 0 ? 0 : p.value(op.layer).elements();
  switch (op.kind) {
    case operation::convolution:
    case operation::depthwise_convolution:
    case operation::weights_backward:
    case operation::data_backward:
      return 2 * products_of(net, p, op.layer);
    case operation::separable_convolution:
      return 2 * (products_of(net, p, op.layer) + products_of(net, p, p.of(net[op.layer].inputs[0]).producer));
    case operation::depthwise_backward:
      return (op.operands.back().how == access::read ? 2 : 4) * products_of(net, p, op.layer);
    case operation::normalize:
      return 8 * net.channels(op.layer);
    case operation::normalize_backward:
    case operation::group_norm_backward:
      return 10 * out;
    case operation::group_norm:
      return 6 * out;
    case operation::apply:
    case operation::apply_backward:
      return 4 * out;
    case operation::statistics:
      return 3 * out;
    case operation::global_pool:
    case operation::global_pool_backward:
    case operation::upsample_backward:
    case operation::multiply_backward:
      return operand_floats(p, op);
    case operation::max_pool:
    case operation::average_pool:
    case operation::max_pool_backward:
    case operation::average_pool_backward:
      return taps_of(net[op.layer]) * out;
    case operation::clamp_backward:
    case operation::add:
    case operation::multiply:
    case operation::dropout:
    case operation::dropout_backward:
      return out;
    case operation::crop_and_resize:
    case operation::crop_and_resize_backward:
      return 8 * out;
    case operation::position_sensitive_crop:
    case operation::position_sensitive_crop_backward:
      return 8 * out * net[op.layer].crop.height * net[op.layer].crop.width;
    case operation::loss:
    case operation::regions:
      return 5 * operand_floats(p, op);
    case operation::pad:
    case operation::zero:
    case operation::copy:
    case operation::copy_backward:
    case operation::upsample:
      return 0;
  }
  return 0;
}

}  // namespace detail

/// The least that an operation of a plan has to do.
constexpr operation_cost cost_of(const network& net, const plan& p, const plan_operation& op) {
  const std::int64_t floats = detail::operand_floats(p, op) + detail::variable_floats(net, p, op);
  return {detail::flops_of(net, p, op), floats * std::int64_t{sizeof(float)}};
}

/// The sum over a plan.
constexpr operation_cost cost_of(const network& net, const plan& p) {
  operation_cost sum;
  for (const plan_operation& op : p.operations) sum += cost_of(net, p, op);
  return sum;
}

/// Losses that read all outputs once, and in training write their gradients.
constexpr operation_cost loss_cost(const plan& p) {
  std::int64_t floats = 0;
  for (int i = 0; i < static_cast<int>(p.outputs.size()); ++i)
    if (p.outputs[static_cast<std::size_t>(i)].value >= 0)
      floats += p.output(i).elements() * (p.mode == run_mode::train ? 2 : 1);
  return {5 * floats, floats * std::int64_t{sizeof(float)}};
}

/// An optimizer's update of `floats` variables: all stores are read, all but the gradients written.
constexpr operation_cost update_cost(std::int64_t floats, int slots, bool averages) {
  const int stores = 1 + slots + (averages ? 1 : 0);
  return {(2 + 4 * stores) * floats, (2 * stores + 1) * floats * std::int64_t{sizeof(float)}};
}

}  // namespace odt
