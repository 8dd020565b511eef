// SPDX-License-Identifier: MIT
#include <odt/core/error.hpp>
#include <odt/core/text.hpp>
#include <odt/exec/cpu/depthwise/depthwise.hpp>

#include "exec/cpu/kernels.hpp"

using namespace odt;
using namespace odt::test;

namespace {

struct layer {
  int batch, height, width, in, multiplier, kernel, stride, rate;
  const char* padding;
};

const layer layers[] = {
    {2, 5, 7, 3, 1, 3, 1, 1, "SAME"},    {1, 1, 1, 1, 1, 3, 1, 1, "SAME"},     {2, 9, 8, 37, 1, 3, 1, 1, "SAME"},
    {2, 10, 11, 64, 1, 3, 2, 1, "SAME"}, {1, 19, 19, 130, 1, 3, 1, 1, "SAME"}, {1, 12, 13, 20, 1, 3, 2, 1, "VALID"},
    {2, 21, 20, 3, 8, 7, 2, 1, "SAME"},  {1, 6, 8, 5, 3, 3, 1, 1, "SAME"},     {1, 9, 9, 16, 1, 3, 1, 2, "SAME"},
    {1, 8, 8, 9, 2, 5, 3, 1, "SAME"},    {1, 6, 5, 33, 1, 1, 2, 1, "SAME"},    {1, 7, 9, 2, 70, 3, 1, 1, "SAME"},
    {9, 4, 4, 300, 1, 3, 2, 1, "SAME"},  {1, 7, 7, 18, 1, 2, 2, 1, "VALID"},
};

std::string name(const layer& l) {
  return str(l.batch, "x", l.height, "x", l.width, "x", l.in, " times ", l.multiplier, ", kernel ", l.kernel,
             ", stride ", l.stride, ", rate ", l.rate, ", ", l.padding);
}

struct results {
  std::vector<float> y, mean, variance, dx, dw, dbias;
  bool operator==(const results&) const = default;
};

struct problem {
  cpu::window window;
  host_tensor x, dy;
  std::vector<float> weights, bias, scale, shift;

  problem(const layer& l, int margin) {
    random_stream random(11);
    const same_window w(l.padding, l.height, l.width, l.kernel, l.kernel, l.stride, l.rate);
    const int out = l.in * l.multiplier;
    window = w.window;
    x = host_tensor({l.batch, l.height, l.width, l.in}, margin);
    dy = host_tensor({l.batch, w.height, w.width, out}, margin);
    x.fill(random);
    dy.fill(random);
    const auto normals = [&random](int count) {
      std::vector<float> values(static_cast<std::size_t>(count));
      for (float& v : values) v = random.normal();
      return values;
    };
    weights = normals(l.kernel * l.kernel * out);
    bias = normals(out);
    scale = normals(l.in);
    shift = normals(l.in);
  }

  results run(int threads, const pending& p, bool accumulate = false) const {
    thread_pool pool(threads);
    const scratch_memory scratch(cpu::depthwise_scratch(window, x.extents, dy.extents, threads));
    host_tensor y(dy.extents, dy.margin), dx(x.extents, x.margin);
    results r;
    r.mean.resize(bias.size());
    r.variance.resize(bias.size());
    r.dbias.assign(bias.size(), 0.5f);
    r.dw.assign(weights.size(), 0.25f);
    if (accumulate) dx.each([&](int n, int row, int column, int c) { dx.at(n, row, column, c) = 1.0f; });
    const cpu::batch_statistics statistics{r.mean.data(), r.variance.data()};
    cpu::depthwise_forward(pool, window, x.read(p), weights.data(), bias.data(), y.write(), &statistics, scratch.data);
    cpu::depthwise_backward_data(pool, window, dy.read(), weights.data(), dx.write(), accumulate, scratch.data);
    cpu::depthwise_backward_weights(pool, window, x.read(p), dy.read(), r.dw.data(), r.dbias.data(), scratch.data,
                                    accumulate);
    BOOST_TEST(y.margins_untouched());
    BOOST_TEST(dx.margins_untouched());
    const auto [mean, variance] = moments_of(y);
    check_near(r.mean, mean, 1e-5, "mean");
    check_near(r.variance, variance, 1e-5, "variance");
    r.y = y.dense();
    r.dx = dx.dense();
    return r;
  }
};

void check(const layer& l, int margin, bool affine, bool clamp) {
  const problem p(l, margin);
  pending transform;
  if (affine) transform = {p.scale.data(), p.shift.data()};
  if (clamp) transform.low = 0.0f, transform.high = 1.0f;
  const results r = p.run(1, transform);
  const conv_reference expected(p.window, p.x, transform, p.weights, p.bias, p.dy, l.multiplier);
  check_near(r.y, expected.y, 1e-5, name(l) + ", y");
  check_near(r.dx, expected.dx, 1e-5, name(l) + ", dx");
  check_near(r.dw, expected.dw, 3e-5, name(l) + ", dw");
  check_near(r.dbias, expected.dbias, 3e-5, name(l) + ", dbias");
}

const layer fused_layers[] = {
    {2, 5, 7, 3, 1, 3, 1, 1, "SAME"},     {1, 1, 1, 1, 1, 3, 1, 1, "SAME"},      {2, 9, 8, 17, 1, 3, 1, 1, "SAME"},
    {1, 13, 30, 32, 1, 3, 1, 1, "SAME"},  {1, 12, 13, 100, 1, 3, 1, 1, "VALID"}, {2, 10, 11, 32, 1, 3, 2, 1, "SAME"},
    {1, 11, 18, 100, 1, 3, 2, 1, "SAME"}, {1, 18, 11, 17, 1, 3, 2, 1, "VALID"},  {1, 17, 17, 1, 1, 3, 2, 1, "SAME"},
    {1, 2, 2, 3, 1, 3, 2, 1, "SAME"},     {1, 9, 9, 16, 1, 3, 1, 2, "SAME"},     {1, 21, 20, 40, 1, 7, 2, 1, "SAME"},
    {1, 6, 5, 33, 1, 1, 2, 1, "SAME"},    {1, 12, 8, 9, 1, 5, 3, 1, "SAME"},     {1, 5, 6, 600, 1, 3, 1, 1, "SAME"},
    {3, 6, 8, 5, 3, 3, 1, 1, "SAME"},     {1, 8, 9, 20, 2, 3, 2, 1, "SAME"},     {1, 7, 7, 18, 1, 2, 2, 1, "VALID"},
};

/// What the fused backward gives.
struct gradients {
  std::vector<float> dx, dw, dbias, sum, product;
  bool operator==(const gradients&) const = default;
};

struct fused_options {
  int threads = 1;
  bool accumulate = false, bias = true, sums = true, data = true;
};

/// The fused backward of a problem whose `z` is another tensor than x.
struct fused_problem : problem {
  host_tensor z;
  std::vector<float> mean, z_scale, z_shift;
  pending transform, z_transform;

  fused_problem(const layer& l, int margin) : problem(l, margin), z(x.extents, margin ? margin + 1 : 0) {
    random_stream random(12);
    z.fill(random);
    for (std::vector<float>* values : {&mean, &z_scale, &z_shift}) {
      values->resize(static_cast<std::size_t>(l.in));
      for (float& v : *values) v = random.normal();
    }
    transform = {scale.data(), shift.data(), 0.0f, 1.0f};
    z_transform = {z_scale.data(), z_shift.data(), 0.0f, 1.5f};
  }

  gradients run(const fused_options& o) const {
    thread_pool pool(o.threads);
    const scratch_memory scratch(cpu::depthwise_scratch(window, x.extents, dy.extents, o.threads));
    host_tensor dx(x.extents, x.margin);
    if (o.accumulate) dx.each([&](int n, int row, int column, int c) { dx.at(n, row, column, c) = 1.0f; });
    gradients g;
    g.dw.assign(weights.size(), 9.0f);
    g.dbias.assign(bias.size(), 9.0f);
    g.sum.assign(mean.size(), 9.0f);
    g.product.assign(mean.size(), 9.0f);
    const cpu::gradient_sums sums{z.read(z_transform), mean.data(), g.sum.data(), g.product.data()};
    cpu::tensor to = dx.write();
    if (!o.data) to.data = nullptr;
    cpu::depthwise_backward(pool, window, x.read(transform), dy.read(), weights.data(), to, o.accumulate, g.dw.data(),
                            o.bias ? g.dbias.data() : nullptr, o.sums ? &sums : nullptr, scratch.data);
    BOOST_TEST(dx.margins_untouched());
    g.dx = dx.dense();
    return g;
  }

  /// The sums over a gradient, which is dense.
  std::pair<std::vector<double>, std::vector<double>> sums_of(const std::vector<float>& dx) const {
    std::vector<double> sum(mean.size(), 0.0), product(mean.size(), 0.0);
    std::size_t i = 0;
    z.each([&](int n, int row, int column, int c) {
      const auto channel = static_cast<std::size_t>(c);
      const double raw = z.at(n, row, column, c), y = raw * z_scale[channel] + z_shift[channel], g = dx[i++];
      if (y <= z_transform.low || y >= z_transform.high) return;
      sum[channel] += g;
      product[channel] += g * (raw - mean[channel]);
    });
    return {sum, product};
  }
};

void check_fused(const layer& l, int margin, bool accumulate) {
  const fused_problem p(l, margin);
  const gradients g = p.run({.accumulate = accumulate});
  conv_reference expected(p.window, p.x, p.transform, p.weights, p.bias, p.dy, l.multiplier);
  if (accumulate)
    for (double& v : expected.dx) v += 1.0;
  check_near(g.dx, expected.dx, 1e-5, name(l) + ", dx");
  check_near(g.dw, expected.dw, 3e-5, name(l) + ", dw");
  check_near(g.dbias, expected.dbias, 3e-5, name(l) + ", dbias");
  const auto [sum, product] = p.sums_of(g.dx);
  check_near(g.sum, sum, 3e-5, name(l) + ", sum");
  check_near(g.product, product, 3e-5, name(l) + ", product");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(depthwise_tests)

BOOST_AUTO_TEST_CASE(fused_gradients_agree_with_the_definition) {
  for (const layer& l : fused_layers)
    for (const int margin : {0, 2})
      for (const bool accumulate : {false, true}) check_fused(l, margin, accumulate);
}

BOOST_AUTO_TEST_CASE(fused_gradients_agree_with_separate_ones) {
  const auto doubles = [](const std::vector<float>& values) {
    return std::vector<double>(values.begin(), values.end());
  };
  for (const layer& l : fused_layers) {
    const fused_problem p(l, 0);
    const gradients g = p.run({});
    const results separate = static_cast<const problem&>(p).run(1, p.transform);
    check_near(g.dx, doubles(separate.dx), 1e-5, name(l) + ", dx");
    check_near(g.dw, doubles(separate.dw), 3e-5, name(l) + ", dw");
    check_near(g.dbias, doubles(separate.dbias), 3e-5, name(l) + ", dbias");
  }
}

BOOST_AUTO_TEST_CASE(parts_of_fused_gradients_can_be_left_out) {
  for (const layer& l : fused_layers) {
    const fused_problem p(l, 2);
    const gradients all = p.run({});
    const std::vector<float> bias(all.dbias.size(), 9.0f), sum(all.sum.size(), 9.0f), dx(all.dx.size(), -77.0f);
    BOOST_TEST((p.run({.bias = false}) == gradients{all.dx, all.dw, bias, all.sum, all.product}), name(l));
    BOOST_TEST((p.run({.sums = false}) == gradients{all.dx, all.dw, all.dbias, sum, sum}), name(l));
    BOOST_TEST((p.run({.data = false}) == gradients{dx, all.dw, all.dbias, sum, sum}), name(l));
  }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_a_bit_of_fused_gradients) {
  for (const layer& l : fused_layers) {
    const fused_problem p(l, 0);
    const gradients one = p.run({});
    for (const int threads : {2, 3, 5}) BOOST_TEST((p.run({.threads = threads}) == one), name(l));
  }
}

BOOST_AUTO_TEST_CASE(agrees_with_the_definition) {
  for (const layer& l : layers) check(l, 0, false, false);
}

BOOST_AUTO_TEST_CASE(applies_the_transform_before_the_padding) {
  for (const layer& l : layers) check(l, 0, true, true);
}

BOOST_AUTO_TEST_CASE(reads_and_writes_parts_of_wider_tensors) {
  for (const layer& l : layers) check(l, 2, true, false);
}

BOOST_AUTO_TEST_CASE(adds_to_gradients_when_asked) {
  for (const layer& l : layers) {
    const problem p(l, 0);
    const results once = p.run(1, {}), added = p.run(1, {}, true);
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

BOOST_AUTO_TEST_CASE(caches_do_not_change_a_bit) {
  for (const layer& l : layers) {
    const problem p(l, 0);
    const results here = p.run(2, {});
    const pretended_l2 cache(std::size_t{16} << 10);
    BOOST_TEST((p.run(2, {}) == here), name(l));
  }
  for (const layer& l : fused_layers) {
    const fused_problem p(l, 0);
    const gradients here = p.run({});
    const pretended_l2 cache(std::size_t{16} << 10);
    BOOST_TEST((p.run({}) == here), name(l));
  }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_a_bit) {
  for (const layer& l : layers) {
    const problem p(l, 0);
    const pending transform{p.scale.data(), p.shift.data(), 0.0f, 6.0f};
    const results one = p.run(1, transform);
    for (const int threads : {2, 3, 5}) BOOST_TEST((p.run(threads, transform) == one), name(l));
  }
}

BOOST_AUTO_TEST_CASE(kernels_too_tall_are_refused) {
  BOOST_CHECK_THROW(cpu::depthwise_scratch({.kernel_height = 65}, {1, 99, 9, 1}, {1, 35, 9, 1}, 1), error);
}

BOOST_AUTO_TEST_CASE(depthwise_conv2d_is_tensorflows, *needs(golden() / "units/nn/depthwise_conv2d")) {
  for (const golden_case& c : golden_cases("nn/depthwise_conv2d")) {
    const array x = c.in("x"), w = c.in("weights"), dy = c.in("dy");
    const auto at = [](const array& a, std::size_t i) { return static_cast<int>(a.shape[i]); };
    const auto& params = c.params();
    const same_window window(params.at("padding").get<std::string>(), at(x, 1), at(x, 2), at(w, 0), at(w, 1),
                             params.at("stride").get<int>(), params.at("rate").get<int>());
    const shape in{at(x, 0), at(x, 1), at(x, 2), at(x, 3)}, out{at(dy, 0), at(dy, 1), at(dy, 2), at(dy, 3)};
    const auto xs = x.as<float>(), ws = w.as<float>(), dys = dy.as<float>();
    std::vector<float> y(dys.size()), dx(xs.size()), dw(ws.size());
    thread_pool pool(2);
    const scratch_memory scratch(cpu::depthwise_scratch(window.window, in, out, pool.size()));
    cpu::depthwise_forward(pool, window.window, cpu::dense(xs.data(), in), ws.data(), nullptr,
                           cpu::dense(y.data(), out), nullptr, scratch.data);
    cpu::depthwise_backward_data(pool, window.window, cpu::dense(dys.data(), out), ws.data(), cpu::dense(dx.data(), in),
                                 false, scratch.data);
    cpu::depthwise_backward_weights(pool, window.window, cpu::dense(xs.data(), in), cpu::dense(dys.data(), out),
                                    dw.data(), nullptr, scratch.data);
    check_close(y, c.out("y"), c, "y");
    check_close(dx, c.out("dx"), c, "dx");
    check_close(dw, c.out("dweights"), c, "dweights");
  }
}

BOOST_AUTO_TEST_CASE(separable_conv2d_is_tensorflows, *needs(golden() / "units/nn/separable_conv2d")) {
  for (const golden_case& c : golden_cases("nn/separable_conv2d")) {
    const array x = c.in("x"), w = c.in("depthwise_weights"), v = c.in("pointwise_weights"), dy = c.in("dy");
    const auto at = [](const array& a, std::size_t i) { return static_cast<int>(a.shape[i]); };
    const int stride = c.params().value("stride", 2);
    const same_window window(c.params().value("padding", "SAME"), at(x, 1), at(x, 2), at(w, 0), at(w, 1), stride);
    const shape in{at(x, 0), at(x, 1), at(x, 2), at(x, 3)}, out{at(dy, 0), at(dy, 1), at(dy, 2), at(dy, 3)};
    const shape between{in.batch, out.height, out.width, in.channels * at(w, 3)};
    const auto xs = x.as<float>(), ws = w.as<float>(), vs = v.as<float>(), dys = dy.as<float>();
    std::vector<float> z(static_cast<std::size_t>(between.elements())), dz(z.size()), y(dys.size()), dx(xs.size()),
        dw(ws.size()), dv(vs.size());
    thread_pool pool(2);
    const scratch_memory scratch(std::max(cpu::depthwise_scratch(window.window, in, between, pool.size()),
                                          cpu::conv_scratch({}, between, out, pool.size())));
    const auto zs = cpu::dense(z.data(), between), dzs = cpu::dense(dz.data(), between);
    cpu::depthwise_forward(pool, window.window, cpu::dense(xs.data(), in), ws.data(), nullptr, zs, nullptr,
                           scratch.data);
    cpu::conv_forward(pool, {}, cpu::reading(zs), vs.data(), nullptr, cpu::dense(y.data(), out), nullptr, scratch.data);
    const auto gradient = cpu::dense(std::as_const(dys).data(), out);
    cpu::conv_backward_data(pool, {}, gradient, vs.data(), dzs, false, scratch.data);
    cpu::conv_backward_weights(pool, {}, cpu::reading(zs), gradient, dv.data(), nullptr, scratch.data);
    cpu::depthwise_backward_data(pool, window.window, cpu::reading(dzs), ws.data(), cpu::dense(dx.data(), in), false,
                                 scratch.data);
    cpu::depthwise_backward_weights(pool, window.window, cpu::dense(xs.data(), in), cpu::reading(dzs), dw.data(),
                                    nullptr, scratch.data);
    check_close(y, c.out("y"), c, "y");
    check_close(dx, c.out("dx"), c, "dx");
    check_close(dw, c.out("ddepthwise_weights"), c, "ddepthwise_weights");
    check_close(dv, c.out("dpointwise_weights"), c, "dpointwise_weights");
  }
}

BOOST_AUTO_TEST_SUITE_END()
