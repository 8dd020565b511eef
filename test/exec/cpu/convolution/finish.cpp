// SPDX-License-Identifier: MIT
// A convolution that finishes its output writes what a reader with that pending would have seen.
#include <odt/exec/cpu/depthwise/depthwise.hpp>
#include <odt/exec/cpu/passes/batch_norm.hpp>

#include "exec/cpu/convolution/convolution_problem.hpp"

using namespace odt;
using namespace odt::test;

namespace {

struct forward_results {
  host_tensor y;
  std::vector<float> mean, variance;
};

/// A scale, shift and clamp for the output's channels.
struct finish_table {
  std::vector<float> scale, shift;

  explicit finish_table(int channels) {
    random_stream random(21);
    scale = normals(static_cast<std::size_t>(channels), random);
    shift = normals(static_cast<std::size_t>(channels), random);
  }
  std::vector<pending> all() const {
    return {{scale.data(), shift.data(), 0.0f, 1.0f}, {scale.data(), shift.data()}, {nullptr, nullptr, -0.25f, 0.5f}};
  }
};

/// `forward(finish, y, statistics)` runs the kernel.
template <class Forward>
forward_results run(const shape& out, int margin, const pending& finish, const Forward& forward) {
  const auto channels = static_cast<std::size_t>(out.channels);
  forward_results r{host_tensor(out, margin), std::vector<float>(channels), std::vector<float>(channels)};
  const cpu::batch_statistics statistics{r.mean.data(), r.variance.data()};
  forward(finish, r.y.write(), statistics);
  return r;
}

template <class Forward>
void check(const shape& out, int margin, const std::string& what, const Forward& forward) {
  thread_pool pool(1);
  const finish_table table(out.channels);
  const host_tensor raw = run(out, margin, {}, forward).y;
  for (const pending& finish : table.all()) {
    const forward_results r = run(out, margin, finish, forward);
    host_tensor seen(out, margin);
    cpu::apply(pool, {}, raw.read(finish), seen.write());
    BOOST_TEST(std::memcmp(r.y.values.data(), seen.values.data(), seen.values.size() * sizeof(float)) == 0, what);
    const auto [mean, variance] = moments_of(r.y);
    check_near(r.mean, mean, 1e-5, what + ", mean");
    check_near(r.variance, variance, 1e-5, what + ", variance");
  }
}

void check_dense(const conv_layer& l, int margin, bool with_bias, precision compute, int threads) {
  conv_problem p(l, margin, 7);
  p.window.compute = compute;
  thread_pool pool(threads);
  const scratch_memory scratch(cpu::conv_scratch(p.window, p.x.extents, p.dy.extents, threads));
  const pending before{p.scale.data(), p.shift.data(), 0.0f, 6.0f};
  check(p.dy.extents, margin, name(l), [&](const pending& finish, const cpu::tensor& y, const auto& statistics) {
    cpu::conv_forward(pool, p.window, p.x.read(before), p.weights.data(), with_bias ? p.bias.data() : nullptr, y,
                      &statistics, scratch.data, finish);
  });
}

struct depthwise_layer {
  int batch, height, width, in, multiplier, kernel, stride, rate;
};

const depthwise_layer depthwise_layers[] = {
    {2, 5, 7, 3, 1, 3, 1, 1},     {1, 1, 1, 1, 1, 3, 1, 1},   {2, 9, 8, 37, 1, 3, 1, 1}, {2, 10, 11, 64, 1, 3, 2, 1},
    {1, 19, 19, 130, 1, 3, 1, 1}, {2, 21, 20, 3, 8, 7, 2, 1}, {1, 6, 8, 5, 3, 3, 1, 1},  {1, 9, 9, 16, 1, 3, 1, 2},
    {1, 7, 9, 2, 70, 3, 1, 1},    {9, 4, 4, 300, 1, 3, 2, 1},
};

void check_depthwise(const depthwise_layer& l, int margin, bool with_bias, int threads) {
  random_stream random(11);
  const same_window w("SAME", l.height, l.width, l.kernel, l.kernel, l.stride, l.rate);
  const shape out{l.batch, w.height, w.width, l.in * l.multiplier};
  host_tensor x({l.batch, l.height, l.width, l.in}, margin);
  x.fill(random);
  const auto weights = normals(static_cast<std::size_t>(l.kernel * l.kernel * out.channels), random);
  const auto bias = normals(static_cast<std::size_t>(out.channels), random);
  thread_pool pool(threads);
  const scratch_memory scratch(cpu::depthwise_scratch(w.window, x.extents, out, threads));
  const std::string what = str("depthwise ", l.height, "x", l.width, "x", l.in, " times ", l.multiplier);
  check(out, margin, what, [&](const pending& finish, const cpu::tensor& y, const auto& statistics) {
    cpu::depthwise_forward(pool, w.window, x.read({nullptr, nullptr, 0.0f}), weights.data(),
                           with_bias ? bias.data() : nullptr, y, &statistics, scratch.data, finish);
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(finish_tests)

BOOST_AUTO_TEST_CASE(a_convolution_finishes_as_a_reader_would) {
  for (const conv_layer& l : conv_layers) {
    check_dense(l, 0, true, precision::fp32, 1);
    check_dense(l, 3, false, precision::fp32, 2);
    check_dense(l, 1, true, precision::bf16, 3);
  }
}

BOOST_AUTO_TEST_CASE(a_depthwise_convolution_finishes_as_a_reader_would) {
  for (const depthwise_layer& l : depthwise_layers) {
    check_depthwise(l, 0, true, 1);
    check_depthwise(l, 3, false, 2);
  }
}

BOOST_AUTO_TEST_SUITE_END()
