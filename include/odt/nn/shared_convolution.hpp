// SPDX-License-Identifier: MIT
// A convolution whose variables are added apart from its layers, so that several layers can share them.
#pragma once

#include <odt/nn/convolution.hpp>
#include <odt/nn/network.hpp>

#include <optional>

namespace odt {

/// What a convolution is made of. A separable one is a depthwise convolution followed by a 1x1, with nothing between.
struct convolution_shape {
  int channels = 0;  ///< of the output
  int kernel = 1;
  bool separable = false;
  std::optional<float> bias{};  ///< what biases start from; none: there are no biases
};

/// A convolution's variables; `depthwise` has some where it is separable.
struct shared_convolution {
  convolution_shape shape{};
  layer_variables depthwise{};
  layer_variables dense{};
};

/// Adds the variables below `scope`, for an input of `inputs` channels.
constexpr shared_convolution add_shared_convolution(network& net, const graph_name& scope, int inputs,
                                                    const convolution_shape& shape, const hyperparams& h) {
  shared_convolution result{.shape = shape};
  const int k = shape.kernel;
  const auto weights = [&](const char* name, int kernel, int outputs) {
    return net.add_variable(scope + name, {kernel, kernel, inputs, outputs}, h.weights, h.penalty);
  };
  if (shape.separable) {
    result.depthwise.weights = weights("/depthwise_weights", k, 1);
    result.dense.weights = weights("/pointwise_weights", 1, shape.channels);
  } else {
    result.dense.weights = weights("/weights", k, shape.channels);
  }
  if (shape.bias) result.dense.biases = add_biases(net, scope, shape.channels, *shape.bias);
  return result;
}

/// Adds the layers behind `x`; `op` is the scope of their operations.
constexpr int apply(network& net, int x, const graph_name& op, const shared_convolution& c, int stride = 1,
                    padding border = padding::same) {
  if (c.shape.separable)
    x = net.add({.kind = layer_kind::depthwise_convolution,
                 .name = op + "/separable_conv2d/depthwise",
                 .inputs = {x},
                 .channels = net.channels(x),
                 .kernel_height = c.shape.kernel,
                 .kernel_width = c.shape.kernel,
                 .stride = stride,
                 .border = border,
                 .variables = c.depthwise});
  const int kernel = c.shape.separable ? 1 : c.shape.kernel;
  return net.add({.kind = layer_kind::convolution,
                  .name = op + (c.shape.bias        ? "/BiasAdd"
                                : c.shape.separable ? "/separable_conv2d"
                                                    : "/Conv2D"),
                  .inputs = {x},
                  .channels = c.shape.channels,
                  .kernel_height = kernel,
                  .kernel_width = kernel,
                  .stride = c.shape.separable ? 1 : stride,
                  .border = c.shape.separable ? padding::same : border,
                  .variables = c.dense});
}

}  // namespace odt
