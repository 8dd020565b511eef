// SPDX-License-Identifier: MIT
#include <odt/core/text.hpp>
#include <odt/exec/cpu/convolution/convolution.hpp>
#include <odt/exec/cpu/convolution/convolution_product.hpp>
#include <odt/exec/cpu/convolution/weights_product.hpp>

#include "exec/cpu/kernels.hpp"

using namespace odt;
using namespace odt::test;
using cpu::gradient_kind;
namespace conv = cpu::detail::conv;

namespace {

using emulated = cpu::amx_product<cpu::amx_emulated>;

struct layer {
  int batch, height, width, in, out, kernel, stride, rate;
  const char* padding;
};

const layer layers[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, "SAME"},      {2, 5, 7, 3, 4, 1, 1, 1, "SAME"},      {1, 4, 4, 32, 32, 1, 1, 1, "SAME"},
    {1, 9, 8, 37, 33, 1, 1, 1, "SAME"},    {2, 6, 8, 5, 17, 1, 2, 1, "SAME"},     {2, 11, 10, 3, 32, 3, 2, 1, "SAME"},
    {1, 7, 5, 16, 16, 3, 1, 1, "SAME"},    {2, 8, 9, 20, 35, 3, 1, 1, "VALID"},   {1, 9, 11, 7, 12, 3, 1, 2, "SAME"},
    {1, 13, 12, 3, 64, 7, 2, 1, "SAME"},   {1, 5, 5, 600, 40, 1, 1, 1, "SAME"},   {1, 6, 6, 40, 300, 1, 1, 1, "SAME"},
    {2, 19, 19, 64, 64, 1, 1, 1, "SAME"},  {1, 10, 10, 130, 66, 3, 2, 1, "SAME"}, {1, 8, 8, 9, 9, 3, 2, 2, "SAME"},
    {1, 9, 9, 6, 50, 2, 3, 1, "VALID"},    {3, 40, 40, 8, 24, 3, 1, 1, "SAME"},   {1, 12, 12, 6, 6, 3, 3, 2, "VALID"},
    {1, 17, 1, 1025, 31, 1, 1, 1, "SAME"}, {1, 3, 3, 513, 47, 1, 1, 1, "SAME"},
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

float rounded(float x) { return cpu::round_to_bf16(cpu::vec(x)).get(0); }

std::vector<float> rounded(std::vector<float> values) {
  for (float& v : values) v = rounded(v);
  return values;
}

/// The transform applied, as the kernels apply it, and rounded.
host_tensor rounded(host_tensor a, const pending& p = {}) {
  const auto channels = a.extents.channels;
  std::vector<float> to(static_cast<std::size_t>(cpu::padded(channels)));
  for (int n = 0; n < a.extents.batch; ++n)
    for (int y = 0; y < a.extents.height; ++y)
      for (int x = 0; x < a.extents.width; ++x) {
        cpu::copy_channels(to.data(), a.read().pixel(n, y, x), channels, p, 0);
        for (int c = 0; c < channels; ++c) a.at(n, y, x, c) = rounded(to[static_cast<std::size_t>(c)]);
      }
  return a;
}

/// What the kernels do beside the products.
struct request {
  pending transform{}, finish{};
  bool bias = false, accumulate = false, sums = false;
  gradient_kind kind = gradient_kind::dense;
};

struct results {
  std::vector<float> y, mean, variance, dx, dw, dbias, sum, product;
  bool operator==(const results&) const = default;
};

struct problem {
  cpu::window window;
  host_tensor x, dy, z;
  std::vector<float> weights, bias, scale, shift, z_mean;

  problem(const layer& l, int margin, std::uint64_t seed) {
    random_stream random(seed);
    const same_window w(l.padding, l.height, l.width, l.kernel, l.kernel, l.stride, l.rate);
    window = w.window;
    x = host_tensor({l.batch, l.height, l.width, l.in}, margin);
    z = host_tensor(x.extents, margin);
    dy = host_tensor({l.batch, w.height, w.width, l.out}, margin);
    for (host_tensor* each : {&x, &dy, &z}) each->fill(random);
    weights = normals(static_cast<std::size_t>(l.kernel * l.kernel * l.in * l.out), random);
    for (float& v : weights) v /= std::sqrt(static_cast<float>(l.kernel * l.kernel * l.in));
    const auto in = static_cast<std::size_t>(l.in);
    bias = normals(static_cast<std::size_t>(l.out), random);
    scale = normals(in, random), shift = normals(in, random), z_mean = normals(in, random);
  }

  template <class Product>
  results run(int threads, const request& q) const {
    thread_pool pool(threads);
    const scratch_memory scratch(cpu::conv_scratch(window, x.extents, dy.extents, threads));
    host_tensor y(dy.extents, dy.margin), dx(x.extents, x.margin);
    results r;
    r.mean.resize(bias.size());
    r.variance.resize(bias.size());
    r.dbias.assign(bias.size(), 0.5f);
    r.dw.assign(weights.size(), 0.25f);
    r.sum.resize(z_mean.size());
    r.product.resize(z_mean.size());
    if (q.accumulate) dx.each([&](int n, int row, int column, int c) { dx.at(n, row, column, c) = 1.0f; });
    const cpu::batch_statistics statistics{r.mean.data(), r.variance.data()};
    const cpu::gradient_sums sums{z.read({nullptr, nullptr, -0.5f, 0.5f}), z_mean.data(), r.sum.data(),
                                  r.product.data()};
    conv::forward<Product>(pool, window, x.read(q.transform), weights.data(), q.bias ? bias.data() : nullptr, y.write(),
                           &statistics, scratch.data, q.finish);
    conv::backward_data<Product>(pool, window, dy.read(), weights.data(), dx.write(), q.accumulate, scratch.data,
                                 q.sums ? &sums : nullptr, q.kind);
    conv::backward_weights<Product>(pool, window, x.read(q.transform), dy.read(), r.dw.data(), r.dbias.data(),
                                    scratch.data, q.accumulate, q.kind);
    BOOST_TEST(y.margins_untouched());
    BOOST_TEST(dx.margins_untouched());
    r.y = y.dense();
    r.dx = dx.dense();
    const auto [mean, variance] = moments_of(y);
    check_near(r.mean, mean, 2e-6, "mean");
    check_near(r.variance, variance, 1e-5, "variance");
    if (q.sums) check_sums(r, dx);
    return r;
  }

  void check_sums(const results& r, const host_tensor& dx) const {
    std::vector<double> sum(z_mean.size()), product(z_mean.size());
    dx.each([&](int n, int row, int column, int c) {
      const float raw = z.at(n, row, column, c);
      if (raw <= -0.5f || raw >= 0.5f) return;
      const auto i = static_cast<std::size_t>(c);
      sum[i] += dx.at(n, row, column, c);
      product[i] += dx.at(n, row, column, c) * (double{raw} - z_mean[i]);
    });
    check_near(r.sum, sum, 2e-5, "sum");
    check_near(r.product, product, 2e-5, "product");
  }
};

std::vector<double> plus(std::vector<double> values, double more) {
  for (double& v : values) v += more;
  return values;
}

/// Against sums in double of the rounded operands.
template <class Product>
void check(const layer& l, int margin, const request& q, const problem& p) {
  const results r = p.run<Product>(1, q);
  const conv_reference expected(p.window, rounded(p.x, q.transform), {}, rounded(p.weights),
                                q.bias ? p.bias : std::vector<float>{}, rounded(p.dy));
  std::vector<double> y = expected.y;
  for (double& v : y) v = std::clamp(v, double{q.finish.low}, double{q.finish.high});
  const std::string what = str(name(l), ", margin ", margin);
  // A gradient of odd taps is computed in fp32.
  const bool in_pairs = l.kernel == 1 || l.out % 2 == 0;
  const auto dx = in_pairs ? expected.dx : conv_reference(p.window, p.x, {}, p.weights, {}, p.dy).dx;
  const double rounding = 1e-5 + 5e-7 * std::sqrt(static_cast<double>(p.dy.extents.pixels()));
  check_near(r.y, y, 1e-5, what + ", y");
  check_near(r.dx, plus(dx, q.accumulate ? 1 : 0), 1e-5, what + ", dx");
  check_near(r.dw, plus(expected.dw, q.accumulate ? 0.25 : 0), rounding, what + ", dw");
}

template <class Product>
void check_all() {
  for (const layer& l : layers) {
    const problem plain(l, 0, 7), wide(l, 3, 8);
    check<Product>(l, 0, {.bias = true, .sums = true}, plain);
    check<Product>(l, 0, {.finish = {nullptr, nullptr, 0.0f, 0.5f}, .accumulate = true}, plain);
    const pending transform{wide.scale.data(), wide.shift.data(), 0.0f, 6.0f};
    check<Product>(l, 3, {.transform = transform, .bias = true, .accumulate = true, .sums = true}, wide);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(amx_tests)

BOOST_AUTO_TEST_CASE(the_emulation_agrees_with_the_definition) { check_all<emulated>(); }

BOOST_AUTO_TEST_CASE(the_tiles_agree_with_the_definition) {
#if ODT_AMX
  if (cpu::amx_permitted()) check_all<cpu::amx_product<cpu::amx_tiles>>();
#endif
}

BOOST_AUTO_TEST_CASE(leaves_out_pixels_without_a_gradient) {
  for (const layer& l : layers) {
    problem p(l, 0, 9);
    p.dy.each([&](int n, int y, int x, int c) {
      if ((n + y + x) % 3 != 0) p.dy.at(n, y, x, c) = 0;
    });
    check<emulated>(l, 0, {.kind = gradient_kind::sparse}, p);
  }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_a_bit) {
  for (const layer& l : layers) {
    const problem p(l, 0, 5);
    const request q{.transform = {p.scale.data(), p.shift.data(), 0.0f, 6.0f}, .bias = true, .sums = true};
    const results one = p.run<emulated>(1, q);
    for (const int threads : {2, 3, 5}) BOOST_TEST((p.run<emulated>(threads, q) == one), name(l));
  }
}

BOOST_AUTO_TEST_CASE(streams_what_it_stores_otherwise) {
  const layer large{1, 256, 256, 6, 64, 1, 1, 1, "SAME"};
  const problem p(large, 0, 3);
  thread_pool pool(2);
  const scratch_memory scratch(cpu::conv_scratch(p.window, p.x.extents, p.dy.extents, 2));
  cpu::aligned_vector<float> aligned(static_cast<std::size_t>(p.dy.extents.elements()));
  host_tensor y(p.dy.extents, 1);
  const cpu::tensor to = cpu::dense(aligned.data(), p.dy.extents);
  BOOST_TEST(cpu::worth_streaming(to));
  BOOST_TEST(!cpu::worth_streaming(y.write()));
  for (const cpu::tensor& each : {to, y.write()})
    conv::forward<emulated>(pool, p.window, p.x.read(), p.weights.data(), nullptr, each, nullptr, scratch.data, {});
  const std::vector<float> stored = y.dense();
  BOOST_TEST(std::equal(aligned.begin(), aligned.end(), stored.begin(), stored.end()));
}

BOOST_AUTO_TEST_SUITE_END()
