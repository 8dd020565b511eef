// SPDX-License-Identifier: MIT
// For other .ipp files of this room: convolutions and norms in TFLite, in inference.
#pragma once

#include <odt/core/target.hpp>
#include <odt/export/tflite_writer.ipp>

#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace odt::detail::tflite {

/// TFLite's SAME is 0, its VALID 1.
ODT_INLINE std::int8_t padding_of(const layer& l) { return l.border == padding::same ? 0 : 1; }

ODT_INLINE std::span<const float> writer::values_of(const network& net, int variable) const {
  if (variable < 0) return {};
  return values_.find(std::string_view(net.variables[static_cast<std::size_t>(variable)].name))->second;
}

ODT_INLINE writer::affine writer::affine_of(const network& net, const layer& norm) const {
  const auto& [weights, biases, gamma, beta, moving_mean, moving_variance] = norm.variables;
  const auto mean = values_of(net, moving_mean), variance = values_of(net, moving_variance);
  const auto gammas = values_of(net, gamma), betas = values_of(net, beta);
  affine a;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double scale = (gammas.empty() ? 1.0 : gammas[i]) / std::sqrt(double{variance[i]} + norm.norm.epsilon);
    a.scale.push_back(static_cast<float>(scale));
    a.shift.push_back(static_cast<float>((betas.empty() ? 0.0 : betas[i]) - mean[i] * scale));
  }
  return a;
}

/// A variable of one dimension, once for all that read it.
ODT_INLINE writer::tensor writer::vector_of(const network& net, int variable) {
  tensor& there = shared_[variable];
  if (there.empty()) {
    const auto values = values_of(net, variable);
    there = graph_.floats(net.variables[static_cast<std::size_t>(variable)].name, {static_cast<int>(values.size())},
                          values);
  }
  return there;
}

/// From [height, width, in, out] to [out, height, width, in]; of a depthwise convolution they are
/// [1, height, width, in x multiplier], which is the same order. Those that a batch norm scales are a convolution's
/// own.
ODT_INLINE writer::tensor writer::weights_of(const network& net, const layer& l, const affine* norm) {
  if (const auto there = shared_.find(l.variables.weights); !norm && there != shared_.end()) return there->second;
  const variable& v = net.variables[static_cast<std::size_t>(l.variables.weights)];
  const bool depthwise = l.kind == layer_kind::depthwise_convolution;
  const int taps = l.kernel_height * l.kernel_width, in = depthwise ? 1 : net.channels(l.inputs[0]);
  const auto out = static_cast<int>(v.size / taps / in);
  const auto values = values_of(net, l.variables.weights);
  std::vector<float> turned(values.size());
  for (int t = 0; t < taps; ++t)
    for (int i = 0; i < in; ++i)
      for (int o = 0; o < out; ++o) {
        const auto from = static_cast<std::size_t>((t * in + i) * out + o);
        const auto to = depthwise ? from : static_cast<std::size_t>((o * taps + t) * in + i);
        turned[to] = norm ? values[from] * norm->scale[static_cast<std::size_t>(o)] : values[from];
      }
  tensor made =
      graph_.floats(v.name, {depthwise ? 1 : out, l.kernel_height, l.kernel_width, depthwise ? out : in}, turned);
  if (!norm) shared_.emplace(l.variables.weights, made);
  return made;
}

/// Always there, since what runs a part of TFLite's graphs wants them.
ODT_INLINE writer::tensor writer::biases_of(const network& net, const layer& l, const affine* norm) {
  if (!norm && l.variables.biases >= 0) return vector_of(net, l.variables.biases);
  std::vector<float> values(static_cast<std::size_t>(l.channels), 0.0f);
  if (norm) {
    values = norm->shift;
    const auto own = values_of(net, l.variables.biases);
    for (std::size_t i = 0; i < own.size(); ++i) values[i] += own[i] * norm->scale[i];
  }
  return graph_.floats(str(l.name, "/bias"), {l.channels}, values);
}

ODT_INLINE writer::tensor writer::convolution(const network& net, int number, const tensor& input) {
  const layer& l = net[number];
  const bool depthwise = l.kind == layer_kind::depthwise_convolution;
  const tail t = tail_of(net, number, true);
  std::optional<affine> norm;
  if (t.norm) norm = affine_of(net, *t.norm);
  tensor x = input;
  if (l.border == padding::fixed && (l.kernel_height > 1 || l.kernel_width > 1)) {
    const int y = (l.kernel_height - 1) * l.rate, across = (l.kernel_width - 1) * l.rate;
    x = padded(l, x, {0, 0, y / 2, y - y / 2, across / 2, across - across / 2, 0, 0});
  }
  std::vector<option> options{{0, padding_of(l)}, {1, l.stride}, {2, l.stride}};
  if (depthwise) options.emplace_back(3, l.channels / net.channels(l.inputs[0]));
  const int next = depthwise ? 4 : 3;
  options.emplace_back(next, t.act);
  options.emplace_back(next + 1, l.rate);
  options.emplace_back(next + 2, l.rate);
  const affine* const folded = norm ? &*norm : nullptr;
  return graph_.add(depthwise ? ops::depthwise_convolution : ops::convolution, t.name,
                    {x, weights_of(net, l, folded), biases_of(net, l, folded)}, shape_of(number), std::move(options),
                    depthwise && l.rate > 1 ? 2 : 1);
}

/// One that no convolution before it has taken up.
ODT_INLINE writer::tensor writer::batch_norm(const network& net, int number, const tensor& x) {
  const layer& l = net[number];
  const tail t = tail_of(net, number, false);
  const affine a = affine_of(net, l);
  const tensor scaled =
      graph_.add(ops::multiply, str(l.name, "/mul"), {x, graph_.floats(str(l.name, "/scale"), {l.channels}, a.scale)},
                 shape_of(number), {{0, fused_activation::none}});
  return graph_.add(ops::add, t.name, {scaled, graph_.floats(str(l.name, "/shift"), {l.channels}, a.shift)},
                    shape_of(number), {{0, t.act}});
}

/// Each group of channels is normalized by its mean and variance over the pixels.
ODT_INLINE writer::tensor writer::group_norm(const network& net, int number, const tensor& x) {
  const layer& l = net[number];
  const std::vector<int> shape = shape_of(number);
  const std::vector<int> grouped{1, shape[1] * shape[2], l.groups, l.channels / l.groups}, one{1, 1, l.groups, 1};
  const auto named = [&](const char* part) { return str(l.name, "/", part); };
  const option plain{0, fused_activation::none};
  const tensor axes = graph_.integers(named("axes"), {1, 3}), parts = graph_.reshape(x, named("groups"), grouped);
  const tensor mean = graph_.add(ops::mean, named("mean"), {parts, axes}, one, {{0, true}});
  const tensor distance = graph_.add(ops::subtract, named("sub"), {parts, mean}, grouped, {plain});
  const tensor squares = graph_.add(ops::square, named("square"), {distance}, grouped);
  const tensor variance = graph_.add(ops::mean, named("variance"), {squares, axes}, one, {{0, true}});
  const tensor safe = graph_.add(ops::add, named("add"), {variance, graph_.number(l.norm.epsilon)}, one, {plain});
  const tensor inverse = graph_.add(ops::rsqrt, named("rsqrt"), {safe}, one);
  const tensor normal = graph_.add(ops::multiply, named("normal"), {distance, inverse}, grouped, {plain});
  const tensor scaled =
      graph_.add(ops::multiply, named("mul"),
                 {graph_.reshape(normal, named("whole"), shape), vector_of(net, l.variables.gamma)}, shape, {plain});
  const tail t = tail_of(net, number, false);
  return graph_.add(ops::add, t.name, {scaled, vector_of(net, l.variables.beta)}, shape, {{0, t.act}});
}

}  // namespace odt::detail::tflite
