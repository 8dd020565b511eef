// SPDX-License-Identifier: MIT
// Feature pyramids (Lin et al., arXiv:1612.03144): from the coarsest layer of the backbone down, each level is
// projected to one depth, the sum of the level above is enlarged and added, and a 3x3 convolution smooths what comes
// out. Levels that the backbone lacks are 3x3 convolutions with stride 2 behind the coarsest.
#pragma once

#include <odt/core/error.hpp>
#include <odt/neck.hpp>
#include <odt/nn/depths.hpp>
#include <odt/nn/shared_convolution.hpp>

#include <algorithm>
#include <array>

namespace odt::necks {

/// The levels a backbone has: level l has a stride of 2^l.
inline constexpr int finest_level = 2, coarsest_base_level = 5;
using base_levels = std::array<int, 4>;  ///< their layers, levels 2 to 5

struct fpn_spec {
  graph_name scope{};          ///< e.g. "FeatureExtractor/resnet_v1_50/fpn"
  graph_name coarse_prefix{};  ///< name of a level that the backbone lacks, before its number, e.g. "bottom_up_block"
  int coarse_number = 0;       ///< of the first of them
  int min_level = 3;
  int max_level = 7;
  int depth = 256;
  bool use_depthwise = false;
};

/// The same from the options of an extractor.
constexpr fpn_spec pyramid_of(const auto& o, const graph_name& scope, const graph_name& coarse_prefix,
                              int coarse_number) {
  return {.scope = scope,
          .coarse_prefix = coarse_prefix,
          .coarse_number = coarse_number,
          .min_level = o.fpn.min_level,
          .max_level = o.fpn.max_level,
          .depth = scaled_depth(o.fpn.additional_layer_depth, o.depth_multiplier, o.min_depth),
          .use_depthwise = o.use_depthwise};
}

namespace detail {

struct pyramid {
  network& net;
  const fpn_spec& spec;
  const hyperparams& h;

  /// To the pyramid's depth: linear, with biases.
  constexpr int project(int x, int number) const {
    const graph_name name = "projection_" + decimal(number);
    const shared_convolution c = add_shared_convolution(net, spec.scope + "/" + name, net.channels(x),
                                                        {.channels = spec.depth, .bias = 0.0f}, h);
    return apply(net, x, spec.scope + "/top_down/" + name, c);
  }

  constexpr int convolve3x3(int x, const graph_name& variables, const graph_name& op, int stride) const {
    std::optional<float> bias;
    if (!h.normalizes()) bias = 0.0f;
    const shared_convolution c =
        add_shared_convolution(net, variables, net.channels(x),
                               {.channels = spec.depth, .kernel = 3, .separable = spec.use_depthwise, .bias = bias}, h);
    x = apply(net, x, op, c, stride);
    return normalize_and_activate(net, x, {.scope = variables, .operation = op}, h);
  }

  /// The enlarged coarser level, cut where the finer one has an odd size, added to a projected one.
  constexpr int merge(int coarser, int projected, int count) const {
    const graph_name top_down = spec.scope + "/top_down/";
    const int enlarged =
        net.upsample(coarser, 2, top_down + repeated("nearest_neighbor_upsampling", count) + "/Reshape", projected);
    return net.sum(enlarged, projected, top_down + repeated("add", count));
  }
};

}  // namespace detail

/// The levels from min_level to max_level, finest first.
constexpr feature_maps fpn(network& net, const base_levels& base, const fpn_spec& spec, const hyperparams& h) {
  if (spec.min_level < finest_level || spec.min_level > coarsest_base_level || spec.max_level < spec.min_level ||
      spec.max_level - spec.min_level >= static_cast<int>(feature_maps::capacity()))
    fail("fpn.min_level ", spec.min_level, " and fpn.max_level ", spec.max_level, "; min_level has to be ",
         finest_level, " to ", coarsest_base_level, ", and max_level at least that, with at most ",
         feature_maps::capacity(), " levels");
  const detail::pyramid p{net, spec, h};
  const int top = std::min(spec.max_level, coarsest_base_level);
  const auto layer = [&base](int level) { return base[static_cast<std::size_t>(level - finest_level)]; };
  base_levels made{};
  int sum = p.project(layer(top), top - spec.min_level + 1);
  made[static_cast<std::size_t>(top - finest_level)] = sum;
  for (int level = top - 1; level >= spec.min_level; --level) {
    const int number = level - spec.min_level + 1;
    sum = p.merge(sum, p.project(layer(level), number), top - 1 - level);
    const graph_name name = "smoothing_" + decimal(number);
    made[static_cast<std::size_t>(level - finest_level)] =
        p.convolve3x3(sum, spec.scope + "/" + name, spec.scope + "/top_down/" + name, 1);
  }
  feature_maps maps;
  for (int level = spec.min_level; level <= top; ++level)
    maps.push_back(made[static_cast<std::size_t>(level - finest_level)]);
  for (int level = top + 1; level <= spec.max_level; ++level) {
    const graph_name name = spec.scope + "/" + spec.coarse_prefix + decimal(spec.coarse_number + level - top - 1);
    maps.push_back(p.convolve3x3(maps.back(), name, name, 2));
  }
  return maps;
}

}  // namespace odt::necks
