// SPDX-License-Identifier: MIT
// NASNet-A large (Zoph et al., arXiv:1707.07012) as two-stage detectors take it: in two halves, the first of which ends
// with Cell_10 and Cell_11, the second with the ReLU behind cell_17. Endpoints: Cell_10, Cell_11.
//
// A cell joins the output of the cell before it (its state 0) with that of the one before that (state 1), in five sums
// of two operations each on any of its states; a sum is the next state. In training, an operation of an image drops
// out, ever more often the later the cell and the step.
#pragma once

#include <odt/backbone.hpp>

#include <algorithm>
#include <array>

namespace odt::backbones {

/// The original's: decay 0.9997, weight decay 5e-5. Activations stand before the convolutions.
constexpr hyperparams nasnet_large_hyperparams() {
  return {.weights = initializer::variance_scaling(2, fan_mode::fan_out, false),
          .penalty = regularizer::l2(0.00005f),
          .act = activation::relu,
          .has_batch_norm = true,
          .norm = {.decay = 0.9997f, .center = true, .scale = true, .epsilon = 0.001f}};
}

namespace detail {

/// What becomes of a state before it is added to another: one of two pools of 3x3, two separable convolutions of a
/// size, or nothing.
struct nasnet_operation {
  enum class what { nothing, average, maximum, separable };
  what kind = what::nothing;
  int state = 0;
  int kernel = 3;
};

struct nasnet_cell {
  nasnet_operation sums[5][2];
  int stride = 1;        ///< of what reads the cell's inputs
  int first_output = 1;  ///< states from here on are joined
};

constexpr nasnet_cell nasnet_normal_cell() {
  using enum nasnet_operation::what;
  return {{{{separable, 0, 5}, {separable, 1, 3}},
           {{separable, 1, 5}, {separable, 1, 3}},
           {{average, 0}, {nothing, 1}},
           {{average, 1}, {average, 1}},
           {{separable, 0, 3}, {nothing, 0}}}};
}

constexpr nasnet_cell nasnet_reduction_cell() {
  using enum nasnet_operation::what;
  return {{{{separable, 0, 5}, {separable, 1, 7}},
           {{maximum, 0}, {separable, 1, 7}},
           {{average, 0}, {separable, 1, 5}},
           {{nothing, 3}, {average, 2}},
           {{separable, 2, 3}, {maximum, 0}}},
          2,
          3};
}

/// The output of a cell, and how much smaller it is than the images.
struct nasnet_map {
  int layer = -1;
  int stride = 1;
};

class nasnet_builder {
 public:
  /// `done`: cells of the whole network that lie before.
  constexpr nasnet_builder(network& net, const backbone_spec& spec, int done)
      : net_(net), spec_(spec), h_(spec.override_with.value_or(nasnet_large_hyperparams())), cells_(done) {}

  /// An eighth of the image.
  constexpr void stem(int images) {
    const int x = norm(conv(images, "conv0", 96, 3, 2, padding::valid), "conv0_bn");
    last_ = {x, 2};
    add(nasnet_reduction_cell(), "cell_stem_0", 42, {});
    add(nasnet_reduction_cell(), "cell_stem_1", 84, before_);
  }

  /// The cells [first, last), and the reductions before cells 6 and 12, which halve the map and double the channels.
  constexpr void cells(int first, int last) {
    for (int i = first; i < last; ++i) {
      const int channels = 168 << (i / 6);
      const nasnet_map before = before_;
      if (i == 6 || i == 12) add(nasnet_reduction_cell(), "reduction_cell_" + decimal(i / 6 - 1), channels, before);
      add(nasnet_normal_cell(), "cell_" + decimal(i), channels, before);
    }
  }

  constexpr void start_from(const nasnet_map& before, const nasnet_map& last) { before_ = before, last_ = last; }
  constexpr int before() const { return before_.layer; }
  constexpr int last() const { return last_.layer; }

 private:
  static constexpr int all_cells = 22;               ///< two stems, 18 cells, two reductions
  static constexpr float last_keep = 0.7f;           ///< of an operation of the last cell
  static constexpr int steps_to_last_keep = 250000;  ///< over which all probabilities fall from 1

  /// Adds a cell behind the last one. `before`: what becomes its state 1; none: its input.
  constexpr void add(const nasnet_cell& kind, const graph_name& scope, int channels, const nasnet_map& before) {
    std::array<int, 7> states{};
    states[1] = before.layer < 0 ? last_.layer : fitted(before, scope, channels);
    const bool as_it_was = before.layer < 0 || states[1] == before.layer;
    const int x = relu(last_.layer, scope, as_it_was ? 0 : 1);
    states[0] = norm(conv(x, scope + "/1x1", channels), scope + "/beginning_bn");
    const float keep = 1 - static_cast<float>(++cells_) / all_cells * (1 - last_keep);
    for (std::size_t i = 0; i < 5; ++i) {
      const graph_name sum = scope + "/comb_iter_" + decimal(static_cast<int>(i));
      int sides[2]{};
      for (const std::size_t side : {0U, 1U}) {
        const nasnet_operation& o = kind.sums[i][side];
        sides[side] = operate(o, states[static_cast<std::size_t>(o.state)], sum + (side == 0 ? "/left" : "/right"),
                              channels, o.state < 2 ? kind.stride : 1, keep);
      }
      states[i + 2] = net_.sum(sides[0], sides[1], operation(sum + "/combine/add"));
    }
    before_ = last_;
    last_ = {joined(states, kind.first_output, scope), last_.stride * kind.stride};
  }

  /// The output of the cell before the last with the last one's size, and as many channels as the cell to be has.
  constexpr int fitted(const nasnet_map& x, const graph_name& scope, int channels) {
    if (x.stride != last_.stride) return halved(relu(x.layer, scope, 0), scope, channels);
    if (net_.channels(x.layer) == channels) return x.layer;
    return norm(conv(relu(x.layer, scope, 0), scope + "/prev_1x1", channels), scope + "/prev_bn");
  }

  /// Half of the channels from the even rows and columns, half from the odd ones.
  constexpr int halved(int x, const graph_name& scope, int channels) {
    const auto path = [&](const char* pool, const char* name, padding border) {
      return conv(net_.pool(layer_kind::average_pool, x, operation(scope + pool), 1, 2, border), scope + name,
                  channels / 2);
    };
    const int even = path("/AvgPool", "/path1_conv", padding::valid);
    const int odd = path("/AvgPool_1", "/path2_conv", padding::shifted);
    return norm(net_.concat(operation(scope + "/concat"), {even, odd}), scope + "/final_path_bn");
  }

  constexpr int operate(const nasnet_operation& o, int x, const graph_name& scope, int channels, int stride,
                        float keep) {
    using enum nasnet_operation::what;
    if (o.kind == nothing) return x;
    const bool averages = o.kind == average;
    const int y = o.kind == separable
                      ? separable_twice(x, scope, channels, o.kernel, stride)
                      : net_.pool(averages ? layer_kind::average_pool : layer_kind::max_pool, x,
                                  operation(scope + (averages ? "/AvgPool2D/AvgPool" : "/MaxPool2D/MaxPool")), o.kernel,
                                  stride, padding::same);
    return net_.add({.kind = layer_kind::dropout,
                     .name = operation(scope + "/drop_path"),
                     .inputs = {y},
                     .channels = net_.channels(y),
                     .dropout = {.keep_probability = keep, .whole_images = true, .steps_to_it = steps_to_last_keep}});
  }

  constexpr int separable_twice(int x, const graph_name& scope, int channels, int kernel, int stride) {
    const graph_name size = decimal(kernel) + "x" + decimal(kernel) + "_";
    for (int i = 0; i < 2; ++i) {
      const graph_name number = size + decimal(i + 1), where = scope + "/separable_" + number;
      x = relu(x, scope, i);
      x = net_.add({.kind = layer_kind::depthwise_convolution,
                    .name = operation(where + "/separable_conv2d/depthwise"),
                    .inputs = {x},
                    .channels = net_.channels(x),
                    .kernel_height = kernel,
                    .kernel_width = kernel,
                    .stride = i == 0 ? stride : 1,
                    .variables = weights(where + "/depthwise_weights", {kernel, kernel, net_.channels(x), 1})});
      x = net_.add({.kind = layer_kind::convolution,
                    .name = operation(where + "/separable_conv2d"),
                    .inputs = {x},
                    .channels = channels,
                    .variables = weights(where + "/pointwise_weights", {1, 1, net_.channels(x), channels})});
      x = norm(x, scope + "/bn_sep_" + number);
    }
    return x;
  }

  constexpr int joined(const std::array<int, 7>& states, int first, const graph_name& scope) {
    layer l{.kind = layer_kind::concat, .name = operation(scope + "/cell_output/concat")};
    for (std::size_t i = static_cast<std::size_t>(first); i < states.size(); ++i) {
      l.inputs.push_back(states[i]);
      l.channels += net_.channels(states[i]);
    }
    return net_.add(std::move(l));
  }

  constexpr int conv(int x, const graph_name& where, int channels, int kernel = 1, int stride = 1,
                     padding border = padding::same) {
    return net_.add({.kind = layer_kind::convolution,
                     .name = operation(where + "/Conv2D"),
                     .inputs = {x},
                     .channels = channels,
                     .kernel_height = kernel,
                     .kernel_width = kernel,
                     .stride = stride,
                     .border = border,
                     .variables = weights(where + "/weights", {kernel, kernel, net_.channels(x), channels})});
  }

  constexpr int norm(int x, const graph_name& where) {
    return net_.add({.kind = layer_kind::batch_norm,
                     .name = operation(where + "/FusedBatchNormV3"),
                     .inputs = {x},
                     .channels = net_.channels(x),
                     .variables = batch_norm_variables(net_, spec_.variables + "/" + where, net_.channels(x), h_.norm),
                     .norm = h_.norm});
  }

  constexpr int relu(int x, const graph_name& scope, int earlier) {
    return net_.activate(x, h_.act, operation(scope + repeated("/Relu", earlier)));
  }

  constexpr layer_variables weights(const graph_name& name, std::vector<int> shape) {
    layer_variables v;
    v.weights = net_.add_variable(spec_.variables + "/" + name, std::move(shape), h_.weights, h_.penalty);
    return v;
  }

  constexpr graph_name operation(const graph_name& name) const { return spec_.operations + "/" + name; }

  network& net_;
  const backbone_spec& spec_;
  const hyperparams h_;
  int cells_;
  nasnet_map before_{}, last_{};
};

}  // namespace detail

/// The first half; both endpoints have a sixteenth of the image's size and 2016 channels.
constexpr endpoints nasnet_large_to_cell_11(network& net, int input, const backbone_spec& spec) {
  detail::nasnet_builder b(net, spec, 0);
  b.stem(input);
  b.cells(0, 12);
  endpoints ends;
  ends.add("Cell_10", b.before());
  ends.add("Cell_11", b.last());
  return ends;
}

/// The second half, with half the size of those.
constexpr int nasnet_large_to_cell_17(network& net, int cell_10, int cell_11, const backbone_spec& spec) {
  detail::nasnet_builder b(net, spec, 15);
  b.start_from({cell_10, 1}, {cell_11, 1});
  b.cells(12, 18);
  return net.activate(b.last(), activation::relu, spec.operations + "/final_layer/Relu");
}

}  // namespace odt::backbones
