// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/exec/pjrt/dropout_trace.hpp>
#include <odt/exec/pjrt/network_trace.hpp>
#include <odt/exec/pjrt/traced.hpp>
#include <odt/exec/pjrt/windows.hpp>
#include <odt/nn/shapes.hpp>

namespace odt::pjrt {

namespace detail {

inline constexpr int batch_axis = 0, channel_axis = 3;

/// The mean over some axes, which become 1.
ODT_INLINE tensor mean_over(module_builder& m, const tensor& x, const std::vector<int>& axes) {
  std::int64_t count = 1;
  for (const int axis : axes) count *= x.shape[static_cast<std::size_t>(axis)];
  return m.binary("multiply", m.reduce("add", x, axes), m.number(1.0f / static_cast<float>(count)));
}

ODT_INLINE tensor variance_over(module_builder& m, const tensor& x, const tensor& mean, const std::vector<int>& axes) {
  const tensor off = m.binary("subtract", x, mean);
  return mean_over(m, m.binary("multiply", off, off), axes);
}

ODT_INLINE tensor inverse_root(module_builder& m, const tensor& variance, float epsilon) {
  return m.unary("rsqrt", m.binary("add", variance, m.number(epsilon)));
}

/// The gradient through x -> (x - mean) inv_std, whose mean and inv_std follow from x over those axes.
ODT_INLINE tensor standardize_backward(module_builder& m, const tensor& normal, const tensor& inv_std, const tensor& dy,
                                       const std::vector<int>& axes) {
  const tensor along = m.binary("multiply", normal, mean_over(m, m.binary("multiply", dy, normal), axes));
  const tensor rest = m.binary("subtract", m.binary("subtract", dy, mean_over(m, dy, axes)), along);
  return m.binary("multiply", rest, inv_std);
}

}  // namespace detail

ODT_INLINE network_trace::network_trace(module_builder& module, const network& net, std::span<const tensor> variables,
                                        run_mode mode, traced_dropout_key key)
    : module_(module),
      net_(net),
      variables_(variables),
      mode_(mode),
      key_(std::move(key)),
      values_(static_cast<std::size_t>(net.size())),
      norms_(values_.size()),
      layer_gradients_(values_.size()),
      differentiable_(values_.size(), false),
      masks_(values_.size()),
      moved_(variables.size()),
      gradients_(variables.size()) {
  find_differentiable();
}

ODT_INLINE bool network_trace::trains(int variable) const {
  return variable >= 0 && net_.variables[static_cast<std::size_t>(variable)].trainable;
}

ODT_INLINE void network_trace::find_differentiable() {
  for (int i = 0; i < net_.size(); ++i) {
    const layer& l = net_[i];
    bool own = false;
    for (const int v : {l.variables.weights, l.variables.biases, l.variables.gamma, l.variables.beta}) own |= trains(v);
    for (const int in : l.inputs) own = own || wants(in);
    differentiable_[static_cast<std::size_t>(i)] = own;
  }
}

ODT_INLINE tensor network_trace::row(int number) const {
  const tensor v = variable(number);
  return module_.reshape(v, {1, 1, 1, v.shape[0]});
}

ODT_INLINE void network_trace::forward(const tensor& images) {
  const std::vector<char> used = odt::detail::used_layers(net_);
  values_[0] = images;
  for (int i = 1; i < net_.size(); ++i)
    if (used[static_cast<std::size_t>(i)]) values_[static_cast<std::size_t>(i)] = forward_of(net_[i], i);
}

ODT_INLINE tensor network_trace::output(int number) const {
  const network_output& o = net_.outputs[static_cast<std::size_t>(number)];
  std::vector<tensor> rows;
  for (const int l : o.layers) {
    const extents& map = value(l).shape;
    rows.push_back(module_.reshape(value(l), {map[0], map[1] * map[2] * map[3] / o.columns, o.columns}));
  }
  return module_.concatenate(rows, 1);
}

ODT_INLINE tensor network_trace::forward_of(const layer& l, int number) {
  norm_state& state = norms_[static_cast<std::size_t>(number)];
  switch (l.kind) {
    case layer_kind::convolution:
    case layer_kind::depthwise_convolution:
      return convolve(l);
    case layer_kind::batch_norm:
      return normalize(l, state);
    case layer_kind::group_norm:
      return normalize_groups(l, state);
    case layer_kind::clamp:
    case layer_kind::activation:
      return l.function.value(traced(module_, input(l))).in(module_);
    case layer_kind::max_pool:
    case layer_kind::average_pool:
      return pool(l);
    case layer_kind::global_pool:
      return detail::mean_over(module_, input(l), {1, 2});
    case layer_kind::concat: {
      std::vector<tensor> parts;
      for (const int in : l.inputs) parts.push_back(value(in));
      return module_.concatenate(parts, detail::channel_axis);
    }
    case layer_kind::slice: {
      extents begin(4, 0), end = input(l).shape;
      begin[3] = l.first, end[3] = l.first + l.channels;
      return module_.slice(input(l), begin, end);
    }
    case layer_kind::add:
      return module_.binary("add", input(l), input(l, 1));
    case layer_kind::multiply:
      return module_.binary("multiply", input(l), input(l, 1));
    case layer_kind::upsample:
      return upsampled(l);
    case layer_kind::pad: {
      const extents& map = input(l).shape;
      const auto missing = [&](std::int64_t size) { return (l.multiplier - size % l.multiplier) % l.multiplier; };
      return module_.pad(input(l), {0, 0, 0, 0}, {0, missing(map[1]), missing(map[2]), 0});
    }
    case layer_kind::dropout:
      return mode_ == run_mode::train ? dropped(l, number, input(l)) : input(l);
    case layer_kind::input:
    case layer_kind::regions:
    case layer_kind::crop_and_resize:
    case layer_kind::position_sensitive_crop:
      break;
  }
  fail("layer ", l.name, ": this device trains detectors of one stage; run with --device cpu");
}

ODT_INLINE tensor network_trace::convolve(const layer& l) {
  const tensor& x = input(l);
  const std::int64_t in = x.shape[3], out = l.channels;
  const bool depthwise = l.kind == layer_kind::depthwise_convolution;
  const tensor weights =
      module_.reshape(variable(l.variables.weights), {l.kernel_height, l.kernel_width, depthwise ? 1 : in, out});
  const tensor y = module_.convolution(x, weights, window_of(l, x.shape), {.feature_groups = depthwise ? in : 1});
  return l.variables.biases < 0 ? y : module_.binary("add", y, row(l.variables.biases));
}

ODT_INLINE tensor network_trace::normalize(const layer& l, norm_state& state) {
  const tensor& x = input(l);
  const layer_variables& v = l.variables;
  tensor variance;
  if (l.norm.train && mode_ == run_mode::train) {
    const std::vector<int> axes{0, 1, 2};
    state.mean = detail::mean_over(module_, x, axes);
    variance = detail::variance_over(module_, x, state.mean, axes);
    const double count = static_cast<double>(x.shape[0] * x.shape[1] * x.shape[2]);
    const auto move = [&](int number, const tensor& towards, double factor) {
      const traced old(module_, row(number)), target(module_, towards);
      const traced change = (old - target * traced(factor)) * traced(1.0f - l.norm.decay);
      moved_[static_cast<std::size_t>(number)] = module_.reshape((old - change).in(module_), variable(number).shape);
    };
    move(v.moving_mean, state.mean, 1);
    move(v.moving_variance, variance, count / std::max(count - 1, 1.0));
  } else {
    state.mean = row(v.moving_mean), variance = row(v.moving_variance);
  }
  state.inv_std = detail::inverse_root(module_, variance, l.norm.epsilon);
  tensor y = module_.binary("multiply", module_.binary("subtract", x, state.mean), state.inv_std);
  if (v.gamma >= 0) y = module_.binary("multiply", y, row(v.gamma));
  return v.beta >= 0 ? module_.binary("add", y, row(v.beta)) : y;
}

namespace detail {

/// [batch, height, width, groups, channels of a group]
ODT_INLINE tensor grouped(module_builder& m, const layer& l, const tensor& x) {
  const extents& s = x.shape;
  return m.reshape(x, {s[0], s[1], s[2], l.groups, s[3] / l.groups});
}

inline const std::vector<int> group_axes{1, 2, 4};

}  // namespace detail

ODT_INLINE tensor network_trace::normalize_groups(const layer& l, norm_state& state) {
  const tensor x = detail::grouped(module_, l, input(l));
  state.mean = detail::mean_over(module_, x, detail::group_axes);
  const tensor variance = detail::variance_over(module_, x, state.mean, detail::group_axes);
  state.inv_std = detail::inverse_root(module_, variance, l.norm.epsilon);
  tensor y = module_.binary("multiply", module_.binary("subtract", x, state.mean), state.inv_std);
  y = module_.reshape(y, input(l).shape);
  if (l.variables.gamma >= 0) y = module_.binary("multiply", y, row(l.variables.gamma));
  return l.variables.beta >= 0 ? module_.binary("add", y, row(l.variables.beta)) : y;
}

namespace detail {

/// Windows of pools do not shrink their maps.
ODT_INLINE window_move pool_window(const layer& l, const extents& map) {
  window_move w = window_of(l, map);
  for (auto& padding : w.padding)
    for (std::int64_t& side : padding) side = std::max(side, std::int64_t{0});
  return w;
}

}  // namespace detail

ODT_INLINE tensor network_trace::pool(const layer& l) {
  const tensor& x = input(l);
  if (l.border == padding::shifted) fail("layer ", l.name, ": this device has no pool with such a border");
  const window_move w = detail::pool_window(l, x.shape);
  if (l.kind == layer_kind::max_pool) return module_.reduce_window("maximum", x, w);
  const tensor sum = module_.reduce_window("add", x, w);
  return module_.binary("divide", sum, module_.constant(covered(l, x.shape), {1, sum.shape[1], sum.shape[2], 1}));
}

ODT_INLINE tensor network_trace::upsampled(const layer& l) {
  const extents& s = input(l).shape;
  const std::int64_t n = l.multiplier;
  const tensor spread =
      module_.broadcast(module_.reshape(input(l), {s[0], s[1], 1, s[2], 1, s[3]}), {s[0], s[1], n, s[2], n, s[3]});
  tensor y = module_.reshape(spread, {s[0], s[1] * n, s[2] * n, s[3]});
  if (l.like < 0) return y;
  const extents& like = value(l.like).shape;
  return module_.slice(y, {0, 0, 0, 0}, {s[0], like[1], like[2], s[3]});
}

ODT_INLINE tensor network_trace::dropped(const layer& l, int number, const tensor& x) {
  if (l.dropout.whole_images || l.dropout.steps_to_it > 0)
    fail("layer ", l.name, ": this device has no dropout of whole images; run with --device cpu");
  tensor& mask = masks_[static_cast<std::size_t>(number)];
  mask = trace_dropout(module_, key_, number, l.dropout.keep_probability, x.shape);
  return module_.binary("multiply", x, mask);
}

ODT_INLINE void network_trace::give(int layer, const tensor& gradient) {
  if (!wants(layer)) return;
  tensor& own = layer_gradients_[static_cast<std::size_t>(layer)];
  own = own.given() ? module_.binary("add", own, gradient) : gradient;
}

ODT_INLINE void network_trace::give_variable(int number, const tensor& gradient) {
  if (!trains(number)) return;
  tensor& own = gradients_[static_cast<std::size_t>(number)];
  const tensor shaped = module_.reshape(gradient, variable(number).shape);
  own = own.given() ? module_.binary("add", own, shaped) : shaped;
}

ODT_INLINE void network_trace::backward(std::span<const tensor> output_gradients) {
  for (std::size_t o = 0; o < output_gradients.size(); ++o) {
    const network_output& out = net_.outputs[o];
    std::int64_t first = 0;
    for (const int l : out.layers) {
      const extents& map = value(l).shape;
      const std::int64_t rows = map[1] * map[2] * map[3] / out.columns;
      give(l, module_.reshape(module_.slice(output_gradients[o], {0, first, 0}, {map[0], first + rows, out.columns}),
                              map));
      first += rows;
    }
  }
  for (int i = net_.size() - 1; i > 0; --i)
    if (const tensor dy = layer_gradients_[static_cast<std::size_t>(i)]; dy.given()) backward_of(net_[i], i, dy);
}

ODT_INLINE void network_trace::backward_of(const layer& l, int number, const tensor& dy) {
  const norm_state& state = norms_[static_cast<std::size_t>(number)];
  const int in = l.inputs[0];
  switch (l.kind) {
    case layer_kind::convolution:
    case layer_kind::depthwise_convolution:
      return convolve_backward(l, dy);
    case layer_kind::batch_norm:
      return give(in, normalize_backward(l, state, dy));
    case layer_kind::group_norm:
      return give(in, normalize_groups_backward(l, state, dy));
    case layer_kind::clamp:
    case layer_kind::activation: {
      const traced slope = l.function.derivative(traced(module_, input(l)));
      return give(in, module_.binary("multiply", dy, slope.in(module_)));
    }
    case layer_kind::max_pool:
    case layer_kind::average_pool:
      return give(in, pool_backward(l, dy));
    case layer_kind::global_pool: {
      const extents& map = input(l).shape;
      const tensor share = module_.binary("multiply", dy, module_.number(1.0f / static_cast<float>(map[1] * map[2])));
      return give(in, module_.broadcast(share, map));
    }
    case layer_kind::concat: {
      std::int64_t first = 0;
      for (const int part : l.inputs) {
        const extents& map = value(part).shape;
        give(part, module_.slice(dy, {0, 0, 0, first}, {map[0], map[1], map[2], first + map[3]}));
        first += map[3];
      }
      return;
    }
    case layer_kind::slice: {
      const std::int64_t behind = input(l).shape[3] - l.first - l.channels;
      return give(in, module_.pad(dy, {0, 0, 0, l.first}, {0, 0, 0, behind}));
    }
    case layer_kind::add:
      give(in, dy);
      return give(l.inputs[1], dy);
    case layer_kind::multiply: {
      give(in, module_.binary("multiply", dy, input(l, 1)));
      const tensor second = module_.binary("multiply", dy, input(l));
      const bool one_pixel = input(l, 1).shape != second.shape;
      return give(l.inputs[1], one_pixel ? module_.reduce("add", second, {1, 2}) : second);
    }
    case layer_kind::upsample:
      return give(in, upsample_backward(l, dy));
    case layer_kind::pad: {
      const extents& map = input(l).shape;
      return give(in, module_.slice(dy, {0, 0, 0, 0}, map));
    }
    case layer_kind::dropout:
      return give(in, module_.binary("multiply", dy, masks_[static_cast<std::size_t>(number)]));
    default:
      fail("layer ", l.name, ": no gradient goes through it on this device");
  }
}

ODT_INLINE void network_trace::convolve_backward(const layer& l, const tensor& dy) {
  const tensor& x = input(l);
  const bool depthwise = l.kind == layer_kind::depthwise_convolution;
  const std::int64_t in = x.shape[3], out = l.channels;
  if (trains(l.variables.biases)) give_variable(l.variables.biases, module_.reduce("add", dy, {0, 1, 2}));
  if (trains(l.variables.weights)) {
    // The batch is what is summed over: an axis of features to the convolution.
    convolution_form form{.axes = "[f, 0, 1, b]x[i, 0, 1, o]->[0, 1, b, f]", .batch_groups = depthwise ? in : 1};
    give_variable(l.variables.weights, module_.convolution(x, dy, weights_window(l, x.shape), form));
  }
  if (!wants(l.inputs[0])) return;
  const extents shape{l.kernel_height, l.kernel_width, in, depthwise ? out / in : out};
  // Turned by hand: the CPU plugin's code for reversed windows of groups reads beyond its operands.
  const tensor weights = module_.reverse(module_.reshape(variable(l.variables.weights), shape), {0, 1});
  const convolution_form form{.axes = "[b, 0, 1, f]x[0, 1, o, i]->[b, 0, 1, f]", .feature_groups = depthwise ? in : 1};
  give(l.inputs[0], module_.convolution(dy, weights, data_window(l, x.shape), form));
}

ODT_INLINE tensor network_trace::normalize_backward(const layer& l, const norm_state& state, const tensor& dy) {
  const std::vector<int> axes{0, 1, 2};
  const layer_variables& v = l.variables;
  const tensor normal = module_.binary("multiply", module_.binary("subtract", input(l), state.mean), state.inv_std);
  if (trains(v.beta)) give_variable(v.beta, module_.reduce("add", dy, axes));
  if (trains(v.gamma)) give_variable(v.gamma, module_.reduce("add", module_.binary("multiply", dy, normal), axes));
  const tensor scaled = v.gamma >= 0 ? module_.binary("multiply", dy, row(v.gamma)) : dy;
  if (!l.norm.train) return module_.binary("multiply", scaled, state.inv_std);
  return detail::standardize_backward(module_, normal, state.inv_std, scaled, axes);
}

ODT_INLINE tensor network_trace::normalize_groups_backward(const layer& l, const norm_state& state, const tensor& dy) {
  const layer_variables& v = l.variables;
  const tensor x = detail::grouped(module_, l, input(l));
  const tensor normal = module_.binary("multiply", module_.binary("subtract", x, state.mean), state.inv_std);
  const tensor flat = module_.reshape(normal, dy.shape);
  if (trains(v.beta)) give_variable(v.beta, module_.reduce("add", dy, {0, 1, 2}));
  if (trains(v.gamma)) give_variable(v.gamma, module_.reduce("add", module_.binary("multiply", dy, flat), {0, 1, 2}));
  const tensor scaled = v.gamma >= 0 ? module_.binary("multiply", dy, row(v.gamma)) : dy;
  const tensor dx = detail::standardize_backward(module_, normal, state.inv_std, detail::grouped(module_, l, scaled),
                                                 detail::group_axes);
  return module_.reshape(dx, dy.shape);
}

ODT_INLINE tensor network_trace::pool_backward(const layer& l, const tensor& dy) {
  const tensor& x = input(l);
  if (l.kind == layer_kind::max_pool) return module_.scatter_to_largest(x, dy, detail::pool_window(l, x.shape));
  const tensor share =
      module_.binary("divide", dy, module_.constant(covered(l, x.shape), {1, dy.shape[1], dy.shape[2], 1}));
  return module_.reduce_window("add", share, data_window(l, x.shape));
}

ODT_INLINE tensor network_trace::upsample_backward(const layer& l, const tensor& dy) {
  const extents& s = input(l).shape;
  const std::int64_t n = l.multiplier;
  const tensor whole = module_.pad(dy, {0, 0, 0, 0}, {0, s[1] * n - dy.shape[1], s[2] * n - dy.shape[2], 0});
  const tensor sum = module_.reduce("add", module_.reshape(whole, {s[0], s[1], n, s[2], n, s[3]}), {2, 4});
  return module_.reshape(sum, s);
}

}  // namespace odt::pjrt
