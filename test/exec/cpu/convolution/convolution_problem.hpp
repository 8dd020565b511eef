// SPDX-License-Identifier: MIT
// Convolutions of all kinds, small, on random values: what the tests of their kernels share.
#pragma once

#include <odt/core/text.hpp>
#include <odt/exec/cpu/convolution/convolution.hpp>

#include "exec/cpu/kernels.hpp"

namespace odt::test {

struct conv_layer {
  int batch, height, width, in, out, kernel, stride, rate;
  const char* padding;
};

inline const conv_layer conv_layers[] = {
    {2, 5, 7, 3, 4, 1, 1, 1, "SAME"},
    {1, 1, 1, 1, 1, 1, 1, 1, "SAME"},
    {1, 9, 8, 37, 33, 1, 1, 1, "SAME"},
    {2, 6, 8, 5, 17, 1, 2, 1, "SAME"},
    {2, 11, 10, 3, 32, 3, 2, 1, "SAME"},
    {1, 7, 5, 16, 16, 3, 1, 1, "SAME"},
    {2, 8, 9, 20, 35, 3, 1, 1, "VALID"},
    {1, 9, 11, 7, 12, 3, 1, 2, "SAME"},
    {1, 13, 12, 3, 64, 7, 2, 1, "SAME"},
    {1, 5, 5, 300, 40, 1, 1, 1, "SAME"},
    {1, 6, 6, 40, 300, 1, 1, 1, "SAME"},
    {2, 19, 19, 64, 64, 1, 1, 1, "SAME"},
    {2, 2, 1, 3, 4, 3, 2, 1, "SAME"},
    {1, 10, 10, 130, 66, 3, 2, 1, "SAME"},
    {1, 8, 8, 9, 9, 3, 2, 2, "SAME"},
    {1, 9, 9, 6, 50, 2, 3, 1, "VALID"},
    {1, 300, 300, 3, 32, 3, 2, 1, "SAME"},
    {3, 40, 40, 8, 24, 3, 1, 1, "SAME"},
    {1, 12, 12, 6, 6, 3, 3, 2, "VALID"},
    // through points of tiles
    {2, 19, 19, 40, 37, 3, 1, 1, "SAME"},
    {1, 24, 25, 33, 70, 3, 1, 1, "SAME"},
    {1, 28, 27, 64, 32, 3, 1, 1, "VALID"},
    {1, 12, 12, 260, 33, 3, 1, 1, "SAME"},
};

inline std::string name(const conv_layer& l) {
  return str(l.batch, "x", l.height, "x", l.width, "x", l.in, " -> ", l.out, ", kernel ", l.kernel, ", stride ",
             l.stride, ", rate ", l.rate, ", ", l.padding);
}

inline std::vector<float> normals(std::size_t count, random_stream& random) {
  std::vector<float> values(count);
  for (float& v : values) v = random.normal();
  return values;
}

/// All that a layer computes, for comparisons.
struct conv_results {
  std::vector<float> y, mean, variance, dx, dw, dbias;
  bool operator==(const conv_results&) const = default;
};

struct conv_problem {
  cpu::window window;
  host_tensor x, dy;
  std::vector<float> weights, bias, scale, shift;

  conv_problem(const conv_layer& l, int margin, std::uint64_t seed) {
    random_stream random(seed);
    const same_window w(l.padding, l.height, l.width, l.kernel, l.kernel, l.stride, l.rate);
    window = w.window;
    x = host_tensor({l.batch, l.height, l.width, l.in}, margin);
    dy = host_tensor({l.batch, w.height, w.width, l.out}, margin);
    x.fill(random);
    dy.fill(random);
    weights = normals(static_cast<std::size_t>(l.kernel * l.kernel * l.in * l.out), random);
    for (float& v : weights) v /= std::sqrt(static_cast<float>(l.kernel * l.kernel * l.in));
    bias = normals(static_cast<std::size_t>(l.out), random);
    scale = normals(static_cast<std::size_t>(l.in), random);
    shift = normals(static_cast<std::size_t>(l.in), random);
  }

  conv_results run(int threads, const pending& p, bool with_bias, bool accumulate = false) const {
    thread_pool pool(threads);
    const scratch_memory scratch(cpu::conv_scratch(window, x.extents, dy.extents, threads));
    host_tensor y(dy.extents, dy.margin), dx(x.extents, x.margin);
    conv_results r;
    r.mean.resize(bias.size());
    r.variance.resize(bias.size());
    r.dbias.assign(bias.size(), 0.5f);
    r.dw.assign(weights.size(), 0.25f);
    if (accumulate) dx.each([&](int n, int row, int column, int c) { dx.at(n, row, column, c) = 1.0f; });
    const cpu::batch_statistics statistics{r.mean.data(), r.variance.data()};
    cpu::conv_forward(pool, window, x.read(p), weights.data(), with_bias ? bias.data() : nullptr, y.write(),
                      &statistics, scratch.data);
    cpu::conv_backward_data(pool, window, dy.read(), weights.data(), dx.write(), accumulate, scratch.data);
    cpu::conv_backward_weights(pool, window, x.read(p), dy.read(), r.dw.data(), r.dbias.data(), scratch.data,
                               accumulate);
    BOOST_TEST(y.margins_untouched());
    BOOST_TEST(dx.margins_untouched());
    const auto [mean, variance] = moments_of(y);
    check_near(r.mean, mean, 2e-6, "mean");
    check_near(r.variance, variance, 1e-5, "variance");
    r.y = y.dense();
    r.dx = dx.dense();
    return r;
  }
};

}  // namespace odt::test
