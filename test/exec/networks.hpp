// SPDX-License-Identifier: MIT
// Small networks of every shape that lowering knows, with random variables; and what each back end has to compute for
// them: outputs in both modes, and the gradient of every trained variable, by finite differences in float64.
#pragma once

#include "exec/scalar_network.hpp"

#include <odt/box_predictor.hpp>
#include <odt/core/random.hpp>
#include <odt/nn/convolution.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/shapes.hpp>
#include <odt/nn/variable_layout.hpp>

#include <boost/test/unit_test.hpp>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace odt::test {

/// A row of the table.
struct network_case {
  std::string name;
  size2 size;
  std::function<void(network&)> build;

  friend std::ostream& operator<<(std::ostream& out, const network_case& c) { return out << c.name; }
};

namespace detail_networks {

inline constexpr hyperparams relu{.act = activation::relu}, relu_6{.act = activation::relu_6},
    linear{.act = activation::none}, bare{.act = activation::none, .has_batch_norm = false};

inline int conv(network& net, int x, const char* scope, int channels, int kernel, const hyperparams& h,
                int stride = 1) {
  return convolve(net, x, {.scope = scope, .channels = channels, .kernel = kernel, .stride = stride}, h);
}

/// A convolution with biases as the network's output.
inline void output(network& net, int x, const char* scope = "out", int channels = 6) {
  const int l = conv(net, x, scope, channels, 1, bare);
  net.outputs.push_back({.name = scope, .columns = channels / 2, .layers = {l}});
}

inline int norm(network& net, int x, const char* scope) {
  return net.add({.kind = layer_kind::batch_norm,
                  .name = graph_name(scope),
                  .inputs = {x},
                  .channels = net.channels(x),
                  .variables = batch_norm_variables(net, scope, net.channels(x), linear.norm),
                  .norm = linear.norm});
}

inline int groups(network& net, int x, const char* scope, int count) {
  layer_variables v;
  v.gamma = net.add_variable(graph_name(scope) + "/gamma", {net.channels(x)}, initializer::constant(1));
  v.beta = net.add_variable(graph_name(scope) + "/beta", {net.channels(x)}, initializer::constant(0));
  return net.add({.kind = layer_kind::group_norm,
                  .name = graph_name(scope),
                  .inputs = {x},
                  .channels = net.channels(x),
                  .variables = v,
                  .groups = count});
}

/// The layer again over another input, with the same variables.
inline int again(network& net, int layer_number, int x, const char* name) {
  layer l = net[layer_number];
  l.name = graph_name(name), l.inputs = {x};
  return net.add(std::move(l));
}

}  // namespace detail_networks

/// The table. A new operation gets a row.
inline std::vector<network_case> network_cases() {
  using namespace detail_networks;
  return {
      {"chain",
       {9, 8},
       [](network& net) {
         int x = conv(net, 0, "a", 5, 3, relu_6, 2);
         x = convolve_depthwise(net, x, {.scope = "b", .kernel = 3}, relu);
         output(net, conv(net, x, "c", 4, 1, relu));
       }},
      {"residual",
       {8, 8},
       [](network& net) {
         const int x = conv(net, 0, "a", 4, 3, relu);
         const int y = conv(net, conv(net, x, "b", 3, 1, relu), "c", 4, 3, linear);
         const int first = net.activate(net.sum(x, y, "sum"), activation::relu, "relu");
         const int z = conv(net, first, "d", 4, 3, linear);
         output(net, net.activate(net.sum(first, z, "sum2"), activation::relu, "relu2"));
       }},
      {"residual with a projection",
       {8, 8},
       [](network& net) {
         const int x = conv(net, 0, "a", 4, 3, relu);
         const int y = conv(net, x, "b", 6, 3, linear, 2), shortcut = conv(net, x, "s", 6, 1, linear, 2);
         output(net, net.activate(net.sum(shortcut, y, "sum"), activation::relu, "relu"));
       }},
      {"residual over a pool",
       {8, 8},
       [](network& net) {
         const int x = conv(net, 0, "a", 4, 3, relu);
         const int shortcut = net.pool(layer_kind::max_pool, x, "pool", 1, 2, padding::same);
         output(net, net.sum(shortcut, conv(net, x, "b", 4, 3, linear, 2), "sum"));
       }},
      {"inverted residuals",
       {8, 8},
       [](network& net) {
         const int x = conv(net, 0, "a", 3, 3, linear);
         int y = convolve_depthwise(net, conv(net, x, "b", 8, 1, relu_6), {.scope = "c", .kernel = 3}, relu_6);
         const int first = net.sum(conv(net, y, "d", 3, 1, linear), x, "sum");
         y = convolve_depthwise(net, conv(net, first, "e", 8, 1, relu_6), {.scope = "f", .kernel = 3}, relu_6);
         output(net, net.sum(conv(net, y, "g", 3, 1, linear), first, "sum2"));
       }},
      {"pre-activation residuals",
       {8, 8},
       [](network& net) {
         const int x = conv(net, 0, "a", 4, 3, bare);
         const int before = net.activate(norm(net, x, "n"), activation::relu, "relu");
         const int sum = net.sum(x, conv(net, before, "b", 4, 3, bare), "sum");
         output(net, net.activate(norm(net, sum, "n2"), activation::relu, "relu2"));
       }},
      {"pyramid",
       {13, 14},
       [](network& net) {
         const int fine = conv(net, 0, "a", 4, 3, relu, 2), coarse = conv(net, fine, "b", 5, 3, relu, 2);
         const int top = conv(net, coarse, "top", 6, 1, bare), side = conv(net, fine, "side", 6, 1, bare);
         const int sum = net.sum(net.upsample(top, 2, "up", side), side, "sum");
         output(net, conv(net, sum, "smooth", 4, 3, relu), "fine");
         output(net, top, "coarse");
       }},
      {"concat of unlike branches",
       {8, 8},
       [](network& net) {
         const int a = conv(net, 0, "a", 4, 1, linear), b = conv(net, 0, "b", 3, 3, relu);
         const int c = conv(net, 0, "c", 5, 3, relu_6);
         const int pool = net.pool(layer_kind::average_pool, a, "pool", 3, 1, padding::same);
         const int both = net.concat("both", {pool, b, c, 0});
         output(net, conv(net, net.concat("again", {b, conv(net, both, "d", 2, 1, relu)}), "e", 4, 1, relu));
       }},
      {"concat within a concat, and a branch read beside",
       {8, 8},
       [](network& net) {
         const int a = conv(net, 0, "a", 4, 1, relu), b = conv(net, 0, "b", 3, 3, relu);
         const int outer = net.concat("outer", {net.concat("inner", {a, b}), conv(net, 0, "c", 2, 1, relu)});
         const int first = conv(net, outer, "d", 4, 1, linear);
         output(net, net.sum(conv(net, a, "e", 4, 1, linear), first, "sum"));
       }},
      {"norm behind a concat, a pool and a norm",
       {8, 8},
       [](network& net) {
         const int a = conv(net, 0, "a", 4, 1, bare), b = conv(net, 0, "b", 3, 3, bare);
         const int dense = net.activate(norm(net, net.concat("both", {a, b}), "n"), activation::relu, "relu");
         const int pool = net.pool(layer_kind::max_pool, dense, "pool", 2, 2, padding::same);
         output(net, conv(net, norm(net, norm(net, pool, "n2"), "n3"), "c", 4, 3, relu));
       }},
      {"squeeze and excite",
       {8, 8},
       [](network& net) {
         const int x = net.activate(conv(net, 0, "a", 6, 3, linear), activation::hard_swish, "swish");
         const int squeezed =
             net.activate(conv(net, net.global_pool(x, "mean"), "b", 3, 1, bare), activation::relu, "r");
         const int gate = net.activate(conv(net, squeezed, "c", 6, 1, bare), activation::hard_sigmoid, "gate");
         output(net, net.multiply(x, gate, "excite"));
       }},
      {"activations",
       {6, 6},
       [](network& net) {
         int x = net.activate(conv(net, 0, "a", 4, 3, linear), activation::silu, "silu");
         x = net.activate(conv(net, x, "b", 4, 1, linear), activation::leaky_relu, "leaky");
         x = net.activate(conv(net, x, "c", 4, 1, bare), activation::sigmoid, "sigmoid");
         output(net, net.multiply(x, net.clip(x, 0.4f, 0.6f, "clip"), "product"));
       }},
      {"scaled residuals",
       {6, 6},
       [](network& net) {
         const int x = conv(net, 0, "a", 4, 3, relu);
         const int up = net.scale(conv(net, conv(net, x, "b", 3, 3, relu), "c", 4, 1, bare), 0.17f, "c/mul");
         const int first = net.activate(net.sum(x, up, "sum"), activation::relu, "relu");
         output(net, net.sum(first, net.scale(conv(net, first, "d", 4, 1, bare), 0.1f, "d/mul"), "sum2"));
       }},
      {"dilated and oblong kernels",
       {8, 9},
       [](network& net) {
         int x = convolve(net, 0, {.scope = "a", .channels = 5, .kernel = 3, .rate = 2}, relu);
         x = convolve(net, x, {.scope = "b", .channels = 4, .kernel = 1, .rate = 2, .kernel_width = 5}, relu);
         x = convolve(net, x, {.scope = "c", .channels = 4, .kernel = 5, .rate = 2, .kernel_width = 1}, relu);
         output(net, convolve_depthwise(net, x, {.scope = "d", .kernel = 3, .rate = 4}, relu));
       }},
      {"group norm",
       {6, 6},
       [](network& net) {
         const int x = net.activate(groups(net, conv(net, 0, "a", 6, 3, bare), "g", 3), activation::relu, "relu");
         output(net, groups(net, conv(net, x, "b", 4, 3, relu), "g2", 2));
       }},
      {"a layer summed with itself, twice an output",
       {6, 6},
       [](network& net) {
         const int x = conv(net, 0, "a", 4, 3, relu);
         const int twice = net.sum(x, x, "twice");
         output(net, twice);
         net.outputs.push_back({.name = "clipped", .columns = 4, .layers = {net.clip(twice, 0.5f, 2, "clip"), twice}});
       }},
      {"weights shared by levels with norms of their own",
       {9, 9},
       [](network& net) {
         const int fine = conv(net, 0, "a", 4, 3, relu), coarse = conv(net, fine, "b", 4, 3, relu, 2);
         const int tower = conv(net, fine, "tower", 4, 3, bare);
         const int other = again(net, tower, coarse, "tower/1");
         const int depthwise = convolve_depthwise(net, net.activate(norm(net, tower, "n0"), activation::relu, "r0"),
                                                  {.scope = "d", .kernel = 3}, bare);
         const int depthwise_too =
             again(net, depthwise, net.activate(norm(net, other, "n1"), activation::relu, "r1"), "d/1");
         const int head = conv(net, depthwise, "head", 6, 1, bare);
         net.outputs.push_back(
             {.name = "heads", .columns = 3, .layers = {head, again(net, head, depthwise_too, "head/1")}});
       }},
      {"layers that no output depends on",
       {8, 8},
       [](network& net) {
         const int x = conv(net, 0, "a", 4, 3, relu);
         convolve_depthwise(net, conv(net, x, "dead", 3, 3, relu), {.scope = "dead too", .kernel = 3}, relu);
         output(net, x);
       }},
      {"norm behind a concat, a branch read beside",
       {8, 8},
       [](network& net) {
         const int a = conv(net, 0, "a", 4, 1, bare), b = conv(net, 0, "b", 3, 3, bare);
         const int dense = net.activate(norm(net, net.concat("both", {a, b}), "n"), activation::relu, "relu");
         const int beside = conv(net, a, "e", 4, 1, linear);
         output(net, net.sum(conv(net, dense, "d", 4, 1, linear), beside, "sum"));
       }},
      {"clamp behind a concat, a branch read beside",
       {8, 8},
       [](network& net) {
         const int a = conv(net, 0, "a", 4, 1, bare), b = conv(net, 0, "b", 3, 3, bare);
         const int dense = net.activate(net.concat("both", {a, b}), activation::relu, "relu");
         const int beside = conv(net, a, "e", 4, 1, linear);
         output(net, net.sum(conv(net, dense, "d", 4, 1, linear), beside, "sum"));
       }},
      {"densely connected",
       {8, 8},
       [](network& net) {
         const int a = conv(net, 0, "a", 4, 1, bare), b = conv(net, 0, "b", 3, 3, bare);
         const int first = net.activate(norm(net, net.concat("1", {a, b}), "n1"), activation::relu, "relu1");
         const int c = conv(net, first, "c", 3, 3, bare);
         const int second = net.activate(norm(net, net.concat("2", {a, b, c}), "n2"), activation::relu, "relu2");
         output(net, second);
       }},
      {"group norm as an output",
       {6, 6},
       [](network& net) {
         const int x = groups(net, conv(net, 0, "a", 6, 3, bare), "g", 3);
         net.outputs.push_back({.name = "o", .columns = 3, .layers = {x}});
       }},
      {"two heads, one read beside",
       {6, 6},
       [](network& net) {
         const int x = conv(net, 0, "a", 8, 3, relu);
         const int e = conv(net, x, "e", 8, 1, bare), c = conv(net, x, "c", 8, 1, bare);
         const int f = conv(net, e, "f", 8, 1, bare);
         net.outputs.push_back({.name = "box", .columns = 4, .layers = {e, f}});
         net.outputs.push_back({.name = "class", .columns = 4, .layers = {c, conv(net, f, "g", 8, 1, bare)}});
       }},
      {"one of two heads is frozen with all below",
       {6, 6},
       [](network& net) {
         const int x = conv(net, 0, "a", 8, 3, relu);
         const int e = conv(net, x, "e", 8, 1, bare), c = conv(net, x, "c", 8, 1, bare);
         net.outputs.push_back({.name = "box", .columns = 4, .layers = {e}});
         net.outputs.push_back({.name = "class", .columns = 4, .layers = {c}});
         for (variable& v : net.variables)
           if (!v.name.view().starts_with("e/")) v.trainable = false;
       }},
      {"a frozen depthwise layer between trained ones",
       {6, 6},
       [](network& net) {
         int x = convolve_depthwise(net, conv(net, 0, "a", 8, 3, relu), {.scope = "b", .kernel = 3}, relu);
         output(net, x);
         for (variable& v : net.variables)
           if (v.name.view() == "b/depthwise_weights") v.trainable = false;
       }},
      {"crops of a map that is read beside",
       {12, 11},
       [](network& net) {
         const int map = conv(net, 0, "a", 5, 3, relu, 2);
         const int first = conv(net, map, "rpn", 8, 1, bare);
         net.outputs.push_back({.name = "first", .columns = 4, .layers = {first}});
         const int crops = net.crop_and_resize(map, net.regions({first}, {3, 2}, "boxes"), {6, 5}, "crops");
         const int pool = net.pool(layer_kind::max_pool, crops, "pool", 2, 2, padding::same);
         output(net, net.global_pool(conv(net, pool, "b", 4, 3, relu), "mean"));
         output(net, conv(net, map, "c", 4, 3, relu), "beside");
       }},
      {"crops at the boxes of all others, outputs of one mode",
       {9, 9},
       [](network& net) {
         const int map = conv(net, 0, "a", 4, 3, bare);
         const int boxes = net.regions({map}, {2, 3}, "boxes"),
                   crops = net.crop_and_resize(map, boxes, {1, 1}, "crops");
         net.outputs.push_back({.name = "boxes", .columns = 4, .layers = {boxes}, .use = output_use::in_inference});
         const int head = conv(net, crops, "head", 6, 1, bare), other = conv(net, crops, "other", 6, 1, bare);
         net.outputs.push_back({.name = "trained", .columns = 3, .layers = {head}, .use = output_use::in_training});
         net.outputs.push_back({.name = "both", .columns = 6, .layers = {other}});
       }},
      {"position sensitive crops",
       {10, 12},
       [](network& net) {
         const int map = conv(net, conv(net, 0, "a", 4, 3, relu), "b", 24, 1, relu_6);
         const int boxes = net.regions({}, {5, 4}, "boxes");
         const int crops = net.position_sensitive_crop(map, boxes, {4, 6}, {2, 3}, "crops");
         net.outputs.push_back({.name = "pooled", .columns = 4, .layers = {crops}});
         output(net, conv(net, map, "c", 4, 1, linear), "beside");
         const int frozen = conv(net, map, "maps", 8, 1, bare);
         const int second = net.position_sensitive_crop(frozen, boxes, {2, 2}, {2, 2}, "second");
         output(net, conv(net, second, "d", 4, 1, relu), "head");
       }},
      {"resized maps and crops",
       {9, 8},
       [](network& net) {
         const int map = conv(net, 0, "a", 4, 3, relu);
         const int crops =
             net.crop_and_resize(net.resize(map, {12, 5}, "up"), net.regions({}, {2, 2}, "boxes"), {3, 4}, "crops");
         output(net, conv(net, net.resize(crops, {5, 2}, "again"), "b", 4, 3, relu));
         output(net, conv(net, net.upsample(conv(net, crops, "c", 4, 3, relu), 2, "twice"), "d", 4, 3, relu), "large");
       }},
      {"slices of a map",
       {8, 9},
       [](network& net) {
         const int map = conv(net, 0, "a", 8, 3, relu);
         const int low = net.slice(map, 0, 5, "low"), high = net.slice(map, 5, 3, "high");
         const int part = net.slice(low, 1, 2, "part");
         output(net, conv(net, net.activate(low, activation::relu_6, "clamped"), "b", 4, 3, relu), "of low");
         output(net, conv(net, norm(net, high, "norm"), "c", 4, 1, relu), "of high");
         output(net, convolve_depthwise(net, high, {.scope = "d", .kernel = 3}, relu), "beside");
         output(net, net.concat("joined", {part, conv(net, high, "e", 3, 1, relu), high}), "of all");
         net.outputs.push_back({.name = "itself", .columns = 2, .layers = {part}});
       }},
      {"slices of crops and of a convolution",
       {9, 8},
       [](network& net) {
         const int map = conv(net, 0, "a", 6, 3, linear);
         const int crops = net.crop_and_resize(map, net.regions({}, {3, 2}, "boxes"), {4, 3}, "crops");
         const int first = net.slice(crops, 0, 3, "first"), second = net.slice(crops, 3, 3, "second");
         const int twice =
             net.sum(net.activate(first, activation::relu, "r"), conv(net, first, "b", 3, 1, relu), "sum");
         output(net, net.sum(twice, net.activate(second, activation::relu, "r2"), "sum2"));
         const int deep = convolve_depthwise(net, map, {.scope = "d", .kernel = 3}, bare);
         output(net, conv(net, net.slice(deep, 2, 3, "third"), "c", 4, 1, relu), "unread channels");
       }},
      {"even and odd pixels side by side",
       {9, 8},
       [](network& net) {
         const int x = conv(net, 0, "a", 4, 3, relu);
         const int even = net.pool(layer_kind::average_pool, x, "even", 1, 2, padding::valid),
                   odd = net.pool(layer_kind::average_pool, x, "odd", 1, 2, padding::shifted);
         output(net,
                norm(net, net.concat("joined", {conv(net, even, "b", 3, 1, bare), conv(net, odd, "c", 3, 1, bare)}),
                     "norm"));
         output(net,
                net.pool(layer_kind::average_pool, conv(net, odd, "d", 3, 1, relu), "again", 1, 2, padding::shifted),
                "twice");
       }},
      {"frozen norms and frozen layers",
       {8, 8},
       [](network& net) {
         hyperparams frozen = relu;
         frozen.norm.train = false;
         int x = conv(net, 0, "a", 4, 3, frozen);
         for (variable& v : net.variables) v.trainable = false;
         x = net.sum(x, conv(net, x, "b", 4, 3, frozen), "sum");
         output(net, x);
       }},
  };
}

/// A case with random images, variables, and gradients of its outputs.
struct random_network {
  network net;
  int batch = 2;
  size2 size;
  std::vector<float> images;
  std::vector<std::vector<float>> variables;  ///< by number
  std::vector<std::vector<float>> gradients;  ///< of the outputs

  explicit random_network(const network_case& c) : size(c.size) {
    c.build(net);
    random_stream random(7, net.variables.size(), 1);
    images = normals(random, std::int64_t{batch} * size.height * size.width * 3, 0, 1);
    for (const variable& v : net.variables) {
      const bool weights = v.shape.size() > 1;
      const bool around_one = v.name.view().ends_with("gamma") || v.name.view().ends_with("moving_variance");
      variables.push_back(normals(random, v.size, around_one ? 1.0f : 0.0f, weights ? 0.5f : 0.1f));
    }
    for (const network_output& o : net.outputs)
      gradients.push_back(normals(random, o.wanted(run_mode::train) * elements(o, run_mode::train), 0, 1));
  }

  std::int64_t elements(const network_output& o, run_mode mode) const {
    return std::int64_t{batch} * row_count(net, o, size, mode) * o.columns;
  }

  /// The boxes that its regions are: of a layer, in that mode.
  std::vector<boxf> boxes(int layer, run_mode mode) const { return crop_boxes(batch * net[layer].capacity.of(mode)); }

  /// The variables in one store.
  std::vector<float> store(const variable_layout& layout) const {
    std::vector<float> values(static_cast<std::size_t>(layout.floats));
    for (std::size_t v = 0; v < variables.size(); ++v)
      std::ranges::copy(variables[v], values.begin() + layout.offsets[v]);
    return values;
  }

  static std::vector<float> normals(random_stream& random, std::int64_t count, float mean, float deviation) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = mean + deviation * random.normal();
    return values;
  }
};

/// The float64 side of a case.
class network_reference {
 public:
  explicit network_reference(const random_network& r)
      : r_(r), scalar_(r.net, r.batch, r.size), images_(r.images.begin(), r.images.end()) {
    for (const auto& v : r.variables) scalar_.variables.emplace_back(v.begin(), v.end());
  }

  /// An output as [batch, rows, columns].
  std::vector<double> output(int number, bool train) const { return gather(scalar_.run(images_, train), number); }

  /// The derivative of sum(output * its gradient) by an element of a variable.
  double derivative(int variable, std::size_t element) {
    double& v = scalar_.variables[static_cast<std::size_t>(variable)][element];
    const double at = v, step = 1e-6;
    v = at + step;
    const double above = objective();
    v = at - step;
    const double below = objective();
    v = at;
    return (above - below) / (2 * step);
  }

 private:
  double objective() const {
    const auto maps = scalar_.run(images_, true);
    double sum = 0;
    for (std::size_t o = 0; o < r_.gradients.size(); ++o) {
      const std::vector<double> y = gather(maps, static_cast<int>(o));
      for (std::size_t i = 0; i < r_.gradients[o].size(); ++i) sum += y[i] * static_cast<double>(r_.gradients[o][i]);
    }
    return sum;
  }

  std::vector<double> gather(const std::vector<scalar_map>& maps, int number) const {
    const network_output& o = r_.net.outputs[static_cast<std::size_t>(number)];
    std::vector<double> all;
    for (int n = 0; n < r_.batch; ++n)
      for (const int l : o.layers) {
        const scalar_map& m = maps[static_cast<std::size_t>(l)];
        const auto size = static_cast<std::ptrdiff_t>(m.extents.size());
        all.insert(all.end(), m.values.begin() + n * size, m.values.begin() + (n + 1) * size);
      }
    return all;
  }

  const random_network& r_;
  scalar_network scalar_;
  std::vector<double> images_;
};

/// |actual - expected| <= tolerance * the largest expected, or `least`.
inline void check_network(const std::vector<float>& actual, const std::vector<double>& expected, double tolerance,
                          const std::string& what, double least = 0.1) {
  BOOST_REQUIRE_EQUAL(actual.size(), expected.size());
  double largest = least, worst = 0;
  for (const double e : expected) largest = std::max(largest, std::abs(e));
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double difference = std::abs(static_cast<double>(actual[i]) - expected[i]);
    worst = std::isfinite(actual[i]) ? std::max(worst, difference) : std::numeric_limits<double>::infinity();
  }
  BOOST_TEST(worst <= tolerance * largest, what << ": off by " << worst << " of " << largest);
}

/// The gradients of a store against the reference, for every trained variable. What is zero but for rounding (a bias
/// before a batch norm) is a sum of numbers as large as the other gradients: a hundredth of these is its scale.
inline void check_gradients(const random_network& r, const variable_layout& layout, const std::vector<float>& gradients,
                            double tolerance) {
  network_reference reference(r);
  std::vector<std::vector<double>> expected(r.variables.size());
  double least = 0.1;
  for (std::size_t v = 0; v < r.variables.size(); ++v)
    for (std::size_t i = 0; r.net.variables[v].trainable && i < r.variables[v].size(); ++i) {
      expected[v].push_back(reference.derivative(static_cast<int>(v), i));
      least = std::max(least, std::abs(expected[v].back()) / 100);
    }
  for (std::size_t v = 0; v < r.variables.size(); ++v) {
    if (expected[v].empty()) continue;
    const auto first = gradients.begin() + layout.offsets[v];
    check_network({first, first + static_cast<std::ptrdiff_t>(expected[v].size())}, expected[v], tolerance,
                  std::string(r.net.variables[v].name), least);
  }
}

}  // namespace odt::test
