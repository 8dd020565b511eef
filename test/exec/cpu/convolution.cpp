// SPDX-License-Identifier: MIT
#include <odt/core/text.hpp>
#include <odt/exec/cpu/convolution.hpp>

#include "exec/cpu/kernels.hpp"

using namespace odt;
using namespace odt::test;

namespace {

struct layer {
  int batch, height, width, in, out, kernel, stride, rate;
  const char* padding;
};

const layer layers[] = {
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
    {1, 23, 23, 290, 100, 3, 1, 1, "SAME"},
};

std::string name(const layer& l) {
  return str(l.batch, "x", l.height, "x", l.width, "x", l.in, " -> ", l.out, ", kernel ", l.kernel, ", stride ",
             l.stride, ", rate ", l.rate, ", ", l.padding);
}

std::vector<float> normals(std::size_t count, random_stream& random) {
  std::vector<float> values(count);
  for (float& v : values) v = random.normal();
  return values;
}

/// All that a layer computes, for comparisons.
struct results {
  std::vector<float> y, mean, variance, dx, dw, dbias;
  bool operator==(const results&) const = default;
};

struct problem {
  convolution window;
  activation x, dy;
  std::vector<float> weights, bias, scale, shift;

  problem(const layer& l, int margin, std::uint64_t seed) {
    random_stream random(seed);
    const same_window w(l.padding, l.height, l.width, l.kernel, l.kernel, l.stride, l.rate);
    window = w.window;
    x = activation({l.batch, l.height, l.width, l.in}, margin);
    dy = activation({l.batch, w.height, w.width, l.out}, margin);
    x.fill(random);
    dy.fill(random);
    weights = normals(static_cast<std::size_t>(l.kernel * l.kernel * l.in * l.out), random);
    for (float& v : weights) v /= std::sqrt(static_cast<float>(l.kernel * l.kernel * l.in));
    bias = normals(static_cast<std::size_t>(l.out), random);
    scale = normals(static_cast<std::size_t>(l.in), random);
    shift = normals(static_cast<std::size_t>(l.in), random);
  }

  results run(int threads, const pending& p, bool with_bias, bool accumulate = false) const {
    thread_pool pool(threads);
    const scratch_memory scratch(cpu::conv_scratch(window, x.extents, dy.extents, threads));
    activation y(dy.extents, dy.margin), dx(x.extents, x.margin);
    results r;
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

void check(const layer& l, int margin, bool affine, bool clamp, bool with_bias) {
  const problem p(l, margin, 7);
  pending transform;
  if (affine) transform = {p.scale.data(), p.shift.data()};
  if (clamp) transform.low = 0.0f, transform.high = 1.0f;
  const results r = p.run(1, transform, with_bias);
  const conv_reference expected(p.window, p.x, transform, p.weights, with_bias ? p.bias : std::vector<float>{}, p.dy);
  check_near(r.y, expected.y, 1e-5, name(l) + ", y");
  check_near(r.dx, expected.dx, 1e-5, name(l) + ", dx");
  // rounding errors of a sum grow as the root of its terms
  check_near(r.dw, expected.dw, 1e-5 + 5e-7 * std::sqrt(static_cast<double>(p.dy.extents.pixels())), name(l) + ", dw");
  check_near(r.dbias, expected.dbias, 3e-5, name(l) + ", dbias");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convolution_tests)

BOOST_AUTO_TEST_CASE(agrees_with_the_definition) {
  for (const layer& l : layers) check(l, 0, false, false, true);
}

BOOST_AUTO_TEST_CASE(applies_the_transform_before_the_padding) {
  for (const layer& l : layers) {
    check(l, 0, true, true, false);
    check(l, 0, false, true, false);
  }
}

BOOST_AUTO_TEST_CASE(reads_and_writes_parts_of_wider_tensors) {
  for (const layer& l : layers) check(l, 3, true, false, true);
}

BOOST_AUTO_TEST_CASE(adds_to_gradients_when_asked) {
  for (const layer& l : layers) {
    const problem p(l, 0, 3);
    const results once = p.run(1, {}, false), added = p.run(1, {}, false, true);
    const auto plus = [](const std::vector<float>& values, double more) {
      std::vector<double> sum(values.begin(), values.end());
      for (double& v : sum) v += more;
      return sum;
    };
    check_near(added.dx, plus(once.dx, 1.0), 1e-5, name(l) + ", dx");
    check_near(added.dw, plus(once.dw, 0.25), 1e-5, name(l) + ", dw");
    check_near(added.dbias, plus(once.dbias, 0.5), 1e-5, name(l) + ", dbias");
  }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_a_bit) {
  for (const layer& l : layers) {
    const problem p(l, 0, 5);
    const pending transform{p.scale.data(), p.shift.data(), 0.0f, 6.0f};
    const results one = p.run(1, transform, true);
    for (const int threads : {2, 3, 5}) BOOST_TEST((p.run(threads, transform, true) == one), name(l));
  }
}

BOOST_AUTO_TEST_CASE(conv2d_is_tensorflows, *needs(golden() / "units/nn/conv2d")) {
  for (const char* folder : {"nn/conv2d", "nn/conv2d_same"})
    for (const golden_case& c : golden_cases(folder)) {
      const array x = c.in("x"), w = c.in("weights"), dy = c.in("dy");
      const auto at = [](const array& a, std::size_t i) { return static_cast<int>(a.shape[i]); };
      const int kernel = at(w, 0), stride = c.params().at("stride").get<int>(), rate = c.params().at("rate").get<int>();
      std::string padding = c.content["params"].value("padding", "EXPLICIT");
      if (std::string(folder) == "nn/conv2d_same" && stride == 1) padding = "SAME";
      same_window window(padding, at(x, 1), at(x, 2), kernel, kernel, stride, rate);
      if (padding == "EXPLICIT") window.window.pad_top = window.window.pad_left = ((kernel - 1) * rate) / 2;
      const shape in{at(x, 0), at(x, 1), at(x, 2), at(x, 3)}, out{at(dy, 0), at(dy, 1), at(dy, 2), at(dy, 3)};
      const auto xs = x.as<float>(), ws = w.as<float>(), dys = dy.as<float>();
      std::vector<float> y(dys.size()), dx(xs.size()), dw(ws.size());
      thread_pool pool(2);
      const scratch_memory scratch(cpu::conv_scratch(window.window, in, out, pool.size()));
      cpu::conv_forward(pool, window.window, cpu::dense(xs.data(), in), ws.data(), nullptr, cpu::dense(y.data(), out),
                        nullptr, scratch.data);
      cpu::conv_backward_data(pool, window.window, cpu::dense(dys.data(), out), ws.data(), cpu::dense(dx.data(), in),
                              false, scratch.data);
      cpu::conv_backward_weights(pool, window.window, cpu::dense(xs.data(), in), cpu::dense(dys.data(), out), dw.data(),
                                 nullptr, scratch.data);
      check_close(y, c.out("y"), c, "y");
      check_close(dx, c.out("dx"), c, "dx");
      check_close(dw, c.out("dweights"), c, "dweights");
    }
}

BOOST_AUTO_TEST_SUITE_END()
