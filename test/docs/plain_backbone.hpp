// SPDX-License-Identifier: MIT
// Stages of two 3x3 convolutions, each of half the size of the one before and twice its depth, with the input of a
// stage added to its output. Endpoints: stage_1 to stage_4, of strides 4 to 32.
#pragma once

#include <odt/backbone.hpp>

constexpr odt::endpoints plain_backbone(odt::network& net, int input, const odt::backbone_spec& spec) {
  const odt::hyperparams h = spec.override_with.value_or(odt::hyperparams{.act = odt::activation::relu});
  odt::hyperparams linear = h;
  linear.act = odt::activation::none;
  const auto conv = [&](int x, const odt::graph_name& name, int channels, int stride, const odt::hyperparams& how) {
    return odt::convolve(net, x, {spec.variables + "/" + name, {}, channels, 3, stride, odt::padding::same}, how);
  };
  odt::endpoints ends;
  int x = conv(input, "stem", 16, 2, h);
  for (int stage = 1; stage <= 4; ++stage) {
    const odt::graph_name scope = "stage_" + odt::decimal(stage);
    const int entry = conv(x, scope + "/down", 16 << stage, 2, h);
    const int inner = conv(entry, scope + "/conv", 16 << stage, 1, linear);
    x = net.activate(net.sum(entry, inner, spec.variables + "/" + scope + "/add"), h.act, spec.variables + "/" + scope);
    ends.add(scope, x);
  }
  return ends;
}
