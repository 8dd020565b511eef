// SPDX-License-Identifier: MIT
// What a train step does besides convolutions: pools, batch norm's backward, the update. Each is checked against the
// definition first, then timed as GB/s and as their share of what a triad gets. ODT_THREADS (2) and ODT_BATCH (8)
// change that.
#include "timing.hpp"

#include <odt/core/error.hpp>
#include <odt/core/random.hpp>
#include <odt/exec/cpu/kernels.hpp>
#include <odt/exec/cpu/machine/ceiling.hpp>
#include <odt/exec/cpu/passes/update.hpp>
#include <odt/optimizers/momentum.hpp>

#include <benchmark/benchmark.h>
#include <cmath>
#include <string>

namespace {

using namespace odt;
using bench::batch_size;
using bench::pool;
using cpu::aligned_vector;
using cpu::shape;

aligned_vector<float> randoms(std::ptrdiff_t count, std::uint64_t seed) {
  aligned_vector<float> values(static_cast<std::size_t>(count));
  random_stream random(seed);
  for (float& v : values) v = random.uniform(-1.0f, 1.0f);
  return values;
}

void expect_near(double actual, double expected, const char* what) {
  if (std::abs(actual - expected) > 1e-4 * (1 + std::abs(expected)))
    fail(what, " is ", actual, ", expected ", expected);
}

template <class Work>
void time_memory(benchmark::State& state, double bytes, const Work& work) {
  cpu::memory_ceiling memory(pool());
  double best = 1e300, peak = memory.measure();
  for (auto _ : state) best = std::min(best, bench::seconds(work));
  peak = std::max(peak, memory.measure());
  state.counters["best_ms"] = best * 1e3;
  state.counters["GB/s"] = bytes / best * 1e-9;
  state.counters["memory_share_%"] = 100 * bytes / best / peak;
}

/// A 3x3 pool of Inception v2, SAME padding.
struct pool_operands {
  cpu::window window;
  shape in, out;
  aligned_vector<float> x, y, dy, dx;

  pool_operands(int images, int size, int channels, int stride) {
    const int width = (size + stride - 1) / stride, padding = std::max((width - 1) * stride + 3 - size, 0);
    window = {3, 3, stride, stride, 1, padding / 2, padding / 2};
    in = {images, size, size, channels}, out = {images, width, width, channels};
    x = randoms(in.elements(), 1), dy = randoms(out.elements(), 2);
    y.resize(dy.size()), dx.resize(x.size());
  }

  cpu::const_tensor reading() const { return cpu::dense(x.data(), in, {nullptr, nullptr, 0.0f, 6.0f}); }
  cpu::const_tensor gradient() const { return cpu::dense(dy.data(), out); }
  double forward_bytes() const { return 4.0 * static_cast<double>(in.elements() + out.elements()); }

  void max_forward() { cpu::max_pool_forward(pool(), window, reading(), cpu::dense(y.data(), out)); }
  void max_backward() {
    cpu::max_pool_backward(pool(), window, reading(), gradient(), cpu::dense(dx.data(), in), false);
  }
  void average_forward() { cpu::avg_pool_forward(pool(), window, reading(), cpu::dense(y.data(), out)); }
  void average_backward() { cpu::avg_pool_backward(pool(), window, gradient(), cpu::dense(dx.data(), in), false); }

  /// Calls body(index in x, index in y) for every pair that belongs together, output by output.
  template <class Body>
  void each_pair(const Body& body) const {
    for (int oy = 0; oy < out.height; ++oy)
      for (int ox = 0; ox < out.width; ++ox)
        for (int c = 0; c < out.channels; ++c)
          for (int t = 0; t < 9; ++t) {
            const int iy = oy * window.stride_height - window.pad_top + t / 3;
            const int ix = ox * window.stride_width - window.pad_left + t % 3;
            if (iy < 0 || iy >= in.height || ix < 0 || ix >= in.width) continue;
            body(static_cast<std::size_t>((iy * in.width + ix) * in.channels + c),
                 static_cast<std::size_t>((oy * out.width + ox) * out.channels + c));
          }
  }
};

void check_pools() {
  pool_operands o(1, 13, 20, 2);
  std::vector<double> best(o.y.size(), 0), sum(o.y.size(), 0), count(o.y.size(), 0), to(o.x.size(), 0);
  std::vector<std::size_t> chosen(o.y.size());
  const auto seen = [&](std::size_t i) { return std::clamp(static_cast<double>(o.x[i]), 0.0, 6.0); };
  o.each_pair([&](std::size_t i, std::size_t j) {
    if (count[j] == 0 || seen(i) > best[j]) best[j] = seen(i), chosen[j] = i;
    sum[j] += seen(i), ++count[j];
  });
  o.max_forward();
  for (std::size_t j = 0; j < o.y.size(); ++j) expect_near(o.y[j], best[j], "a maximum");
  o.average_forward();
  for (std::size_t j = 0; j < o.y.size(); ++j) expect_near(o.y[j], sum[j] / count[j], "an average");
  for (std::size_t j = 0; j < o.y.size(); ++j) to[chosen[j]] += static_cast<double>(o.dy[j]);
  o.max_backward();
  for (std::size_t i = 0; i < o.x.size(); ++i) expect_near(o.dx[i], to[i], "a maximum's gradient");
  std::ranges::fill(to, 0.0);
  o.each_pair([&](std::size_t i, std::size_t j) { to[i] += static_cast<double>(o.dy[j]) / count[j]; });
  o.average_backward();
  for (std::size_t i = 0; i < o.x.size(); ++i) expect_near(o.dx[i], to[i], "an average's gradient");
}

/// A layer's raw output with batch norm and ReLU6 behind it, and the gradient that comes back.
struct norm_operands {
  shape s;
  aligned_vector<float> z, dy, scale, shift, mean, inv_std, dgamma, dbeta;
  aligned_vector<std::byte> scratch;

  norm_operands(int images, int size, int channels) : s{images, size, size, channels} {
    z = randoms(s.elements(), 1), dy = randoms(s.elements(), 2);
    scale = randoms(channels, 3), shift = randoms(channels, 4), mean = randoms(channels, 5);
    inv_std.assign(scale.size(), 0.75f);
    dgamma.resize(scale.size()), dbeta.resize(scale.size());
    scratch.resize(cpu::batch_norm_scratch(s, pool().size()));
  }
  void run() {
    cpu::batch_norm_backward(pool(), cpu::dense(std::as_const(z).data(), s, {scale.data(), shift.data(), 0.0f, 6.0f}),
                             mean.data(), inv_std.data(), cpu::dense(dy.data(), s), dgamma.data(), dbeta.data(), false,
                             scratch.data());
  }
};

void check_norm() {
  norm_operands o(2, 9, 20);
  const auto before = o.dy;
  o.run();
  const auto channels = static_cast<std::size_t>(o.s.channels);
  const double pixels = static_cast<double>(o.s.pixels());
  for (std::size_t c = 0; c < channels; ++c) {
    const double scale = o.scale[c], inv_std = o.inv_std[c], mean = o.mean[c];
    const auto gated = [&](std::size_t i) {
      const double y = o.z[i] * scale + o.shift[c];
      return y > 0 && y < 6 ? static_cast<double>(before[i]) : 0.0;
    };
    double beta = 0, gamma = 0;
    for (std::size_t i = c; i < before.size(); i += channels)
      beta += gated(i), gamma += gated(i) * (o.z[i] - mean) * inv_std;
    expect_near(o.dbeta[c], beta, "beta's gradient");
    expect_near(o.dgamma[c], gamma, "gamma's gradient");
    for (std::size_t i = c; i < before.size(); i += channels)
      expect_near(o.dy[i], scale * (gated(i) - beta / pixels - (o.z[i] - mean) * inv_std * gamma / pixels), "dz");
  }
}

/// All variables of SSD MobileNet v1 as one, with L2 regularization, clipping, momentum and moving averages.
struct update_operands {
  aligned_vector<float> values, gradients, slots, averages;
  std::vector<variable> variables;
  update_options options;
  cpu::update_plan plan{{}};

  explicit update_operands(std::int64_t size) {
    values = randoms(size, 1), gradients = randoms(size, 2), averages = values;
    slots.assign(values.size(), 0.0f);
    variable v;
    v.name = "all", v.size = size, v.trainable = true;
    v.penalty = {penalty_kind::l2, 4e-5f};
    variables.push_back(v);
    options.clip_norm = 10;
    plan = cpu::update_plan(cut(variables, size));
  }
  void run() {
    auto scalars = initial_scalars<momentum>();
    cpu::update(pool(), momentum{}, scalars, options, 1e-3f, plan,
                {values.data(), gradients.data(), {slots.data()}, averages.data()});
  }
};

void check_update() {
  update_operands o(1024);
  const auto values = o.values, gradients = o.gradients;
  o.run();
  double squares = 0;
  const auto regularized = [&](std::size_t i) { return static_cast<double>(gradients[i]) + 4e-5 * values[i]; };
  for (std::size_t i = 0; i < values.size(); ++i) squares += regularized(i) * regularized(i);
  const double clip = std::min(1.0, 10 / std::sqrt(squares));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i] - 1e-3 * clip * regularized(i);
    expect_near(o.slots[i], clip * regularized(i), "a slot");
    expect_near(o.values[i], value, "a value");
    expect_near(o.averages[i], values[i] + (value - values[i]) * 1e-4, "an average");
  }
}

template <class Make, class Bytes, class Work>
void add(const char* name, const Make& make, const Bytes& bytes, const Work& work) {
  benchmark::RegisterBenchmark(name,
                               [=](benchmark::State& state) {
                                 auto operands = make();
                                 time_memory(state, bytes(operands), [&] { work(operands); });
                               })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

void add_all() {
  const auto reduction = [] { return pool_operands(batch_size, 75, 192, 2); };
  const auto branch = [] { return pool_operands(batch_size, 19, 576, 1); };
  const auto forward = [](const pool_operands& o) { return o.forward_bytes(); };
  const auto with_x = [](const pool_operands& o) { return o.forward_bytes() + 4.0 * static_cast<double>(o.x.size()); };
  add("max_pool/75x192/forward", reduction, forward, [](pool_operands& o) { o.max_forward(); });
  add("max_pool/75x192/backward", reduction, with_x, [](pool_operands& o) { o.max_backward(); });
  add("average_pool/19x576/forward", branch, forward, [](pool_operands& o) { o.average_forward(); });
  add("average_pool/19x576/backward", branch, forward, [](pool_operands& o) { o.average_backward(); });
  add(
      "batch_norm_backward/150x64", [] { return norm_operands(batch_size, 150, 64); },
      [](const norm_operands& o) { return 5 * 4.0 * static_cast<double>(o.s.elements()); },
      [](norm_operands& o) { o.run(); });
  add(
      "update/7M", [] { return update_operands(std::int64_t{7} << 20); },
      [](const update_operands& o) { return 10 * 4.0 * static_cast<double>(o.values.size()); },
      [](update_operands& o) { o.run(); });
}

}  // namespace

int main(int argc, char** argv) {
  check_pools();
  check_norm();
  check_update();
  add_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
