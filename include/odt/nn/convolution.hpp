// SPDX-License-Identifier: MIT
// Convolutions with their norm, activation and variables, as builders add them.
#pragma once

#include <odt/nn/network.hpp>

#include <string_view>

namespace odt {

/// The geometry of one convolution and what it is called.
struct convolution_spec {
  graph_name scope{};      ///< of the variables
  graph_name operation{};  ///< scope of the operations; empty: the same
  int channels = 0;
  int kernel = 1;
  int stride = 1;
  padding border = padding::same;
  int rate = 1;
  int kernel_width = 0;  ///< 0: as the height, which `kernel` is

  constexpr int width() const { return kernel_width > 0 ? kernel_width : kernel; }
  constexpr const graph_name& op() const { return operation.empty() ? scope : operation; }
};

/// Adds the variables of a batch norm.
constexpr layer_variables batch_norm_variables(network& net, const graph_name& scope, int channels,
                                               const batch_norm_options& norm) {
  layer_variables v;
  const auto add = [&](const char* name, float value, bool trainable) {
    return net.add_variable(scope + name, {channels}, initializer::constant(value), {}, trainable);
  };
  if (norm.scale) v.gamma = add("/gamma", 1, true);
  if (norm.center) v.beta = add("/beta", 0, true);
  v.moving_mean = add("/moving_mean", 0, false);
  v.moving_variance = add("/moving_variance", 1, false);
  return v;
}

/// Adds a group norm.
constexpr int normalize_groups(network& net, int x, const graph_name& name, const graph_name& scope,
                               const group_norm_options& norm) {
  const int channels = net.channels(x);
  if (channels % norm.groups != 0)
    fail("layer ", name, ": group_norm makes ", norm.groups, " groups, which do not divide its ", channels,
         " channels");
  layer_variables v;
  v.gamma = net.add_variable(scope + "/gamma", {channels}, initializer::constant(1));
  v.beta = net.add_variable(scope + "/beta", {channels}, initializer::constant(0));
  return net.add({.kind = layer_kind::group_norm,
                  .name = name,
                  .inputs = {x},
                  .channels = channels,
                  .variables = v,
                  .norm = {.epsilon = norm.epsilon},
                  .groups = norm.groups});
}

/// What TensorFlow's operation of an activation is called behind a scope.
constexpr std::string_view operation_of(activation act) {
  switch (act) {
    case activation::relu:
      return "/Relu";
    case activation::relu_6:
      return "/Relu6";
    case activation::leaky_relu:
      return "/LeakyRelu";
    case activation::silu:
      return "/swish";
    case activation::hard_sigmoid:
      return "/hard_sigmoid";
    case activation::hard_swish:
      return "/hard_swish";
    case activation::sigmoid:
      return "/Sigmoid";
    case activation::scaled:
      return "/mul";
    case activation::none:
      break;
  }
  return "";
}

/// Adds norm and activation of a convolution, as its hyperparams say.
constexpr int normalize_and_activate(network& net, int x, const convolution_spec& spec, const hyperparams& h) {
  if (h.has_batch_norm)
    x = net.add({.kind = layer_kind::batch_norm,
                 .name = spec.op() + "/BatchNorm/FusedBatchNormV3",
                 .inputs = {x},
                 .channels = net.channels(x),
                 .variables = batch_norm_variables(net, spec.scope + "/BatchNorm", net.channels(x), h.norm),
                 .norm = h.norm});
  if (h.has_group_norm) x = normalize_groups(net, x, spec.op() + "/GroupNorm", spec.scope + "/GroupNorm", {});
  return net.activate(x, h.act, spec.op() + graph_name(operation_of(h.act)));
}

/// Adds a convolution's biases, all of one value.
constexpr int add_biases(network& net, const graph_name& scope, int channels, float value = 0) {
  return net.add_variable(scope + "/biases", {channels}, initializer::constant(value));
}

/// Adds the variables of a convolution: [kernel, width, inputs, outputs] weights, and biases where no norm follows.
constexpr layer_variables convolution_variables(network& net, const graph_name& weights, const convolution_spec& spec,
                                                int inputs, int outputs, int channels, const hyperparams& h) {
  layer_variables v;
  v.weights = net.add_variable(weights, {spec.kernel, spec.width(), inputs, outputs}, h.weights, h.penalty);
  if (!h.normalizes()) v.biases = add_biases(net, spec.scope, channels);
  return v;
}

/// Adds a dense convolution with its normalization and activation.
constexpr int convolve(network& net, int x, const convolution_spec& spec, const hyperparams& h) {
  x = net.add({.kind = layer_kind::convolution,
               .name = spec.op() + "/Conv2D",
               .inputs = {x},
               .channels = spec.channels,
               .kernel_height = spec.kernel,
               .kernel_width = spec.width(),
               .stride = spec.stride,
               .rate = spec.rate,
               .border = spec.border,
               .variables = convolution_variables(net, spec.scope + "/weights", spec, net.channels(x), spec.channels,
                                                  spec.channels, h)});
  return normalize_and_activate(net, x, spec, h);
}

/// Adds a depthwise convolution with its normalization and activation.
constexpr int convolve_depthwise(network& net, int x, const convolution_spec& spec, const hyperparams& h) {
  x = net.add({.kind = layer_kind::depthwise_convolution,
               .name = spec.op() + "/depthwise",
               .inputs = {x},
               .channels = net.channels(x),
               .kernel_height = spec.kernel,
               .kernel_width = spec.width(),
               .stride = spec.stride,
               .rate = spec.rate,
               .border = spec.border,
               .variables = convolution_variables(net, spec.scope + "/depthwise_weights", spec, net.channels(x), 1,
                                                  net.channels(x), h)});
  return normalize_and_activate(net, x, spec, h);
}
}  // namespace odt
