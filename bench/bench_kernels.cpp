// SPDX-License-Identifier: MIT
// The convolutions on the layers of SSD MobileNet v1 (300x300, batch 8, 2 threads): best of many short runs, as a
// share of what the machine's multiply-adds (or its memory) give at the same moment. ODT_THREADS (2), ODT_BATCH (8) and
// ODT_BF16 (0) change that.
#include "timing.hpp"

#include <odt/core/error.hpp>
#include <odt/core/random.hpp>
#include <odt/exec/cpu/kernels.hpp>
#include <odt/exec/cpu/machine/ceiling.hpp>

#include <benchmark/benchmark.h>
#include <cmath>
#include <string>
#include <utility>

namespace {

using namespace odt;
using bench::batch_size;
using bench::pool;
using cpu::aligned_vector;
using cpu::shape;

struct layer {
  const char* name;
  int size, in, out, kernel, stride;  ///< `size`: input height and width; depthwise when out is 0
};

const layer layers[] = {
    {"conv0", 300, 3, 32, 3, 2},          {"dw1", 150, 32, 0, 3, 1},
    {"pw1", 150, 32, 64, 1, 1},           {"dw2", 150, 64, 0, 3, 2},
    {"pw2", 75, 64, 128, 1, 1},           {"dw3", 75, 128, 0, 3, 1},
    {"pw3", 75, 128, 128, 1, 1},          {"dw4", 75, 128, 0, 3, 2},
    {"pw4", 38, 128, 256, 1, 1},          {"dw5", 38, 256, 0, 3, 1},
    {"pw5", 38, 256, 256, 1, 1},          {"dw6", 38, 256, 0, 3, 2},
    {"pw6", 19, 256, 512, 1, 1},          {"dw7", 19, 512, 0, 3, 1},
    {"pw7", 19, 512, 512, 1, 1},          {"dw12", 19, 512, 0, 3, 2},
    {"pw12", 10, 512, 1024, 1, 1},        {"dw13", 10, 1024, 0, 3, 1},
    {"pw13", 10, 1024, 1024, 1, 1},       {"extra1", 10, 1024, 256, 1, 1},
    {"extra2", 10, 256, 512, 3, 2},       {"boxes0", 19, 512, 12, 1, 1},
    {"classes0", 19, 512, 273, 1, 1},     {"classes1", 10, 1024, 546, 1, 1},
    {"inception_2c", 75, 64, 192, 3, 1},  {"inception_4b", 19, 96, 128, 3, 1},
    {"inception_3b", 38, 64, 96, 3, 1},   {"inception_4e", 19, 160, 192, 3, 1},
    {"inception_5b", 10, 192, 320, 3, 1},
};

const precision compute = bench::number("ODT_BF16", 0) ? precision::bf16 : precision::fp32;

/// The operands of a layer, its input a raw tensor with a pending batch norm and RELU_6.
struct operands {
  cpu::window window;
  shape in, out;
  bool depthwise;
  aligned_vector<float> x, y, dx, weights, dw, scale, shift, mean, variance, input_sum, input_product;
  aligned_vector<std::byte> scratch;

  explicit operands(const layer& l, int images) : depthwise(l.out == 0) {
    const int size = (l.size + l.stride - 1) / l.stride;
    const int padding = std::max((size - 1) * l.stride + l.kernel - l.size, 0);
    window = {l.kernel, l.kernel, l.stride, l.stride, 1, padding / 2, padding / 2, compute};
    in = {images, l.size, l.size, l.in};
    out = {images, size, size, depthwise ? l.in : l.out};
    auto randoms = [random = random_stream(1)](std::ptrdiff_t count) mutable {
      aligned_vector<float> values(static_cast<std::size_t>(count));
      for (float& v : values) v = random.uniform(-1.0f, 1.0f);
      return values;
    };
    x = randoms(in.elements());
    y = randoms(out.elements());
    dx.resize(x.size());
    weights = randoms(std::ptrdiff_t{l.kernel} * l.kernel * (depthwise ? 1 : l.in) * out.channels);
    dw.resize(weights.size());
    scale = randoms(l.in);
    shift = randoms(l.in);
    input_sum.resize(scale.size());
    input_product.resize(scale.size());
    mean.resize(static_cast<std::size_t>(out.channels));
    variance.resize(mean.size());
    scratch.resize(depthwise ? cpu::depthwise_scratch(window, in, out, pool().size())
                             : cpu::conv_scratch(window, in, out, pool().size()));
  }

  cpu::const_tensor reading() const {
    if (in.channels == 3) return cpu::dense(x.data(), in);  // the image
    return cpu::dense(x.data(), in, {scale.data(), shift.data(), 0.0f, 6.0f});
  }
  double flops() const {
    return 2.0 * window.kernel_height * window.kernel_width * (depthwise ? 1 : in.channels) *
           static_cast<double>(out.elements());
  }
  /// What goes through memory at least: forward reads x and writes y, backward reads x and dy and writes dx.
  double backward_bytes() const { return bytes() + 4.0 * static_cast<double>(in.elements()); }
  double bytes() const { return 4.0 * static_cast<double>(in.elements() + out.elements()); }

  void forward() {
    const cpu::batch_statistics statistics{mean.data(), variance.data()};
    const cpu::tensor to = cpu::dense(y.data(), out);
    if (depthwise)
      cpu::depthwise_forward(pool(), window, reading(), weights.data(), nullptr, to, &statistics, scratch.data());
    else
      cpu::conv_forward(pool(), window, reading(), weights.data(), nullptr, to, &statistics, scratch.data());
  }
  /// With the sums for the batch norm of its input.
  void backward_data() {
    const cpu::const_tensor dy = cpu::dense(std::as_const(y).data(), out);
    const cpu::gradient_sums sums{reading(), shift.data(), input_sum.data(), input_product.data()};
    if (depthwise)
      cpu::depthwise_backward_data(pool(), window, dy, weights.data(), cpu::dense(dx.data(), in), false,
                                   scratch.data());
    else
      cpu::conv_backward_data(pool(), window, dy, weights.data(), cpu::dense(dx.data(), in), false, scratch.data(),
                              &sums);
  }
  /// Both gradients of a depthwise layer, with the sums for the batch norm of its input.
  void backward() {
    const cpu::gradient_sums sums{reading(), shift.data(), input_sum.data(), input_product.data()};
    cpu::depthwise_backward(pool(), window, reading(), cpu::dense(std::as_const(y).data(), out), weights.data(),
                            cpu::dense(dx.data(), in), false, dw.data(), nullptr, &sums, scratch.data());
  }
  void backward_weights() {
    const cpu::const_tensor dy = cpu::dense(std::as_const(y).data(), out);
    if (depthwise)
      cpu::depthwise_backward_weights(pool(), window, reading(), dy, dw.data(), nullptr, scratch.data());
    else
      cpu::conv_backward_weights(pool(), window, reading(), dy, dw.data(), nullptr, scratch.data());
  }
};

/// The three directions against the definition, at a few places.
void check(const layer& l) {
  operands o(l, 1);
  const auto normalized = [&](int y, int x, int c) {
    const auto i = static_cast<std::size_t>(c);
    const double raw = o.x[static_cast<std::size_t>((y * o.in.width + x) * o.in.channels + c)];
    return o.in.channels == 3 ? raw : std::clamp(raw * o.scale[i] + o.shift[i], 0.0, 6.0);
  };
  const auto near = [&](double actual, double expected, const char* what) {
    const double rounding = compute == precision::bf16 ? 5e-2 : 1e-3;
    if (std::abs(actual - expected) > rounding * (1 + std::abs(expected)))
      fail(l.name, ": ", what, " is ", actual, ", expected ", expected);
  };
  if (o.depthwise) {
    o.backward();
  } else {
    o.backward_data();
    o.backward_weights();
  }
  const auto gradient = o.y;
  o.forward();
  random_stream random(2);
  const auto weight_at = [&](int ky, int kx, int i, int c) {
    const int inputs = o.depthwise ? 1 : o.in.channels;
    return static_cast<std::size_t>(
        ((ky * o.window.kernel_width + kx) * inputs + (o.depthwise ? 0 : i)) * o.out.channels + c);
  };
  for (int round = 0; round < 5; ++round) {
    const int oy = static_cast<int>(random.integer(0, o.out.height)),
              ox = static_cast<int>(random.integer(0, o.out.width));
    const int c = static_cast<int>(random.integer(0, o.out.channels));
    const int k = o.window.kernel_height, s = o.window.stride_height, pad = o.window.pad_top;
    const int first = o.depthwise ? c : 0, last = o.depthwise ? c + 1 : o.in.channels;
    double sum = 0;
    for (int ky = 0; ky < k; ++ky)
      for (int kx = 0; kx < k; ++kx)
        for (int i = first; i < last; ++i) {
          const int iy = oy * s - pad + ky, ix = ox * s - pad + kx;
          if (iy < 0 || iy >= o.in.height || ix < 0 || ix >= o.in.width) continue;
          sum += normalized(iy, ix, i) * o.weights[weight_at(ky, kx, i, c)];
        }
    near(o.y[static_cast<std::size_t>((oy * o.out.width + ox) * o.out.channels + c)], sum, "y");
    const int i = o.depthwise ? c : static_cast<int>(random.integer(0, o.in.channels));
    const int iy = static_cast<int>(random.integer(0, o.in.height)),
              ix = static_cast<int>(random.integer(0, o.in.width));
    double dx = 0, dw = 0;
    const int out_first = o.depthwise ? c : 0, out_last = o.depthwise ? c + 1 : o.out.channels;
    for (int y = 0; y < o.out.height; ++y)
      for (int x = 0; x < o.out.width; ++x) {
        const auto at = static_cast<std::size_t>((y * o.out.width + x) * o.out.channels);
        const int ky = iy - y * s + pad, kx = ix - x * s + pad;
        if (ky >= 0 && ky < k && kx >= 0 && kx < k)
          for (int q = out_first; q < out_last; ++q)
            dx += static_cast<double>(gradient[at + static_cast<std::size_t>(q)]) * o.weights[weight_at(ky, kx, i, q)];
        const int ny = y * s - pad, nx = x * s - pad;  // the gradient of tap 0, 0
        if (ny >= 0 && nx >= 0) dw += gradient[at + static_cast<std::size_t>(c)] * normalized(ny, nx, i);
      }
    near(o.dx[static_cast<std::size_t>((iy * o.in.width + ix) * o.in.channels + i)], dx, "dx");
    near(o.dw[weight_at(0, 0, i, c)], dw, "dw");
  }
}

/// Runs `work` as often as asked; reports the best time as GFLOP/s or GB/s and as a share of the ceiling measured
/// between.
template <class Work>
void time_best(benchmark::State& state, double flops, double bytes, const Work& work) {
  double best = 1e300, peak = 0;
  int runs = 0;
  for (auto _ : state) {
    if (runs++ % 8 == 0) {
      state.PauseTiming();
      peak = std::max(peak, cpu::fma_peak(pool(), 1));
      state.ResumeTiming();
    }
    best = std::min(best, bench::seconds(work));
  }
  state.counters["best_ms"] = best * 1e3;
  state.counters["GFLOP/s"] = flops / best * 1e-9;
  state.counters["GB/s"] = bytes / best * 1e-9;
  state.counters["fma_share_%"] = 100 * flops / best / peak;
}

/// The same for what memory bounds: GB/s, and their share of what a triad gets.
template <class Work>
void time_memory(benchmark::State& state, double bytes, const Work& work) {
  cpu::memory_ceiling memory(pool());
  double best = 1e300, peak = 0;
  int runs = 0;
  for (auto _ : state) {
    if (runs++ % 8 == 0) {
      state.PauseTiming();
      peak = std::max(peak, memory.measure(1));
      state.ResumeTiming();
    }
    best = std::min(best, bench::seconds(work));
  }
  state.counters["best_ms"] = best * 1e3;
  state.counters["GB/s"] = bytes / best * 1e-9;
  state.counters["memory_share_%"] = 100 * bytes / best / peak;
}

using direction = void (operands::*)();

void add(const layer& l, const char* name, direction what) {
  benchmark::RegisterBenchmark((std::string(l.name) + "/" + name).c_str(),
                               [&l, what](benchmark::State& state) {
                                 operands o(l, batch_size);
                                 time_best(state, o.flops(), o.bytes(), [&] { (o.*what)(); });
                               })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

void add_depthwise(const layer& l, const char* name, direction what, double (operands::*bytes)() const) {
  benchmark::RegisterBenchmark((std::string(l.name) + "/" + name).c_str(),
                               [&l, what, bytes](benchmark::State& state) {
                                 operands o(l, batch_size);
                                 time_memory(state, (o.*bytes)(), [&] { (o.*what)(); });
                               })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

void add_triad() {
  benchmark::RegisterBenchmark("memory/triad",
                               [](benchmark::State& state) {
                                 cpu::memory_ceiling memory(pool());
                                 double best = 0;
                                 for (auto _ : state) best = std::max(best, memory.measure(1));
                                 state.counters["GB/s"] = best * 1e-9;
                               })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) {
  for (const layer& l : layers) check(l);
  for (const layer& l : layers) {
    if (l.out == 0) {
      add_depthwise(l, "forward", &operands::forward, &operands::bytes);
      add_depthwise(l, "backward", &operands::backward, &operands::backward_bytes);
      continue;
    }
    add(l, "forward", &operands::forward);
    add(l, "backward_data", &operands::backward_data);
    add(l, "backward_weights", &operands::backward_weights);
  }
  add_triad();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
