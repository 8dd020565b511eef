// SPDX-License-Identifier: MIT
#include <odt/core/text.hpp>
#include <odt/exec/cpu/depthwise/depthwise.hpp>
#include <odt/exec/cuda/depthwise/depthwise.hpp>
#include <odt/exec/cuda/passes/batch_norm.hpp>
#include <odt/exec/cuda/passes/elements.hpp>

#include "exec/cuda/passes.hpp"

namespace odt::test {
namespace {

struct depthwise_layer {
  int batch, height, width, channels, kernel, stride, rate;
  const char* padding;
  int margin;
};

const depthwise_layer layers[] = {
    {2, 5, 7, 3, 3, 1, 1, "SAME", 0},     {1, 1, 1, 8, 3, 1, 1, "SAME", 0},    {2, 9, 8, 24, 3, 1, 1, "SAME", 8},
    {1, 19, 19, 32, 3, 1, 1, "SAME", 0},  {1, 37, 22, 96, 3, 1, 1, "SAME", 8}, {2, 12, 13, 24, 3, 1, 1, "VALID", 0},
    {2, 10, 11, 32, 3, 2, 1, "SAME", 0},  {1, 11, 10, 24, 3, 2, 1, "SAME", 8}, {1, 35, 34, 96, 3, 2, 1, "SAME", 0},
    {1, 18, 11, 24, 3, 2, 1, "VALID", 0}, {2, 2, 2, 8, 3, 2, 1, "SAME", 0},    {1, 9, 9, 600, 3, 1, 1, "SAME", 0},
    {1, 9, 9, 16, 3, 1, 2, "SAME", 0},    {1, 21, 20, 40, 7, 2, 1, "SAME", 8}, {1, 6, 5, 33, 1, 2, 1, "SAME", 0},
    {1, 12, 8, 9, 5, 3, 1, "SAME", 1},    {2, 8, 9, 6, 3, 1, 1, "SAME", 2},    {2, 7, 9, 14, 3, 2, 1, "SAME", 2},
    {1, 7, 7, 18, 2, 2, 1, "VALID", 0},   {1, 17, 6, 37, 3, 2, 1, "SAME", 0},  {1, 3, 6, 1030, 3, 2, 1, "SAME", 0},
};

std::string name(const depthwise_layer& l) {
  return str(l.batch, "x", l.height, "x", l.width, "x", l.channels, ", kernel ", l.kernel, ", stride ", l.stride,
             ", rate ", l.rate, ", ", l.padding, ", margin ", l.margin);
}

/// A layer's operands on both sides.
template <class T>
struct depthwise_problem {
  random_stream random{7};
  same_window window;
  host_tensor x, dy, z;
  device_activation<T> device_x{x}, device_dy{dy}, device_z{z};
  floats weights, bias, mean;
  two_pendings transform, gate;
  on_device<float> device_weights{weights}, device_bias{bias}, device_mean{mean};

  explicit depthwise_problem(const depthwise_layer& l)
      : window(l.padding, l.height, l.width, l.kernel, l.kernel, l.stride, l.rate),
        x(random_activation<T>(random, {l.batch, l.height, l.width, l.channels}, l.margin)),
        dy(random_activation<T>(random, {l.batch, window.height, window.width, l.channels}, l.margin)),
        z(random_activation<T>(random, x.extents, l.margin)),
        weights(normals(random, l.kernel * l.kernel * l.channels)),
        bias(normals(random, l.channels)),
        mean(normals(random, l.channels)),
        transform(random, l.channels, 0.0f, 1.0f),
        gate(random, l.channels, 0.0f, 1.5f) {}
};

template <class T>
void check_forward(const depthwise_layer& l, bool plain) {
  const depthwise_problem<T> p(l);
  const two_pendings last(floats(p.bias.size(), 0.5f), p.bias, -1.0f, 1.0f);
  host_tensor expected(p.dy.extents, l.margin);
  const output<T> y(p.dy.extents, l.margin);
  const device_parts parts(l.channels, 3);
  thread_pool pool(1);
  const scratch_memory scratch(cpu::depthwise_scratch(p.window.window, p.x.extents, p.dy.extents, 1));
  cpu::depthwise_forward(pool, p.window.window, p.x.read(p.transform.host()), p.weights.data(),
                         plain ? nullptr : p.bias.data(), expected.write(), nullptr, scratch.data,
                         plain ? pending{} : last.host());
  const int count = cuda::depthwise_forward<T>(
      nullptr, window_of(p.window.window), p.device_x.read(p.transform.device()), p.device_weights.data(),
      plain ? nullptr : p.device_bias.data(), y.device.write(), parts.at(), plain ? cuda::pending{} : last.device());
  BOOST_REQUIRE(count >= 1);
  BOOST_REQUIRE(count <= cuda::most_parts);
  y.check(expected, one_rounding<T>, name(l));

  const on_device<float> tables(floats(4 * p.bias.size(), 0.0f)), moving_mean(p.bias), moving_variance(p.bias);
  float* const to = tables.data();
  cuda::normalize(nullptr, {parts.at(), count}, l.channels, {.epsilon = 1.0f}, true,
                  {nullptr, nullptr, moving_mean.data(), moving_variance.data()},
                  {to, to + l.channels, to + 2 * l.channels, to + 3 * l.channels});
  const auto [mean, variance] = moments_of(y.device.host());
  std::vector<double> both = mean;
  for (const double v : variance) both.push_back(1 / std::sqrt(v + 1));
  floats actual = tables.host();
  actual.resize(both.size());
  check_all(actual, both, 1e-5, name(l) + ", moments");
  const floats pixels = parts.sums(count, 3, 0, l.channels);
  check_all(pixels, floats(pixels.size(), static_cast<float>(p.dy.extents.pixels())), 0, name(l) + ", counts");
}

/// gate_input: the sums are those of the tensor that the layer reads, as within a network.
template <class T>
void check_backward(const depthwise_layer& l, bool gate_input, bool accumulate, bool data) {
  const depthwise_problem<T> p(l);
  const float before = accumulate ? 0.75f : 0.0f;
  host_tensor dx = output<T>::filled(p.x.extents, l.margin, before);
  const output<T> device_dx(p.x.extents, l.margin, before);
  floats dw(p.weights.size()), dbias(p.bias.size());
  thread_pool pool(1);
  const cpu::window& window = p.window.window;
  const scratch_memory scratch(cpu::depthwise_scratch(window, p.x.extents, p.dy.extents, 1));
  const host_tensor& z = gate_input ? p.x : p.z;
  const two_pendings& gate = gate_input ? p.transform : p.gate;
  cpu::depthwise_backward(pool, window, p.x.read(p.transform.host()), p.dy.read(), p.weights.data(), dx.write(),
                          accumulate, dw.data(), dbias.data(), nullptr, scratch.data);

  const device_parts parts(l.channels, 2);
  const on_device<float> device_dw(floats(dw.size(), 9.0f)), device_dbias(floats(dbias.size(), 9.0f)),
      device_scratch(floats(static_cast<std::size_t>(cuda::depthwise_backward_scratch(window_of(window), l.channels,
                                                                                      cuda::multiprocessors())),
                            std::nanf("")));
  const cuda::gradient_sums<T> sums{(gate_input ? p.device_x : p.device_z).read(gate.device()), p.device_mean.data(),
                                    parts.at()};
  cuda::tensor<T> to = device_dx.device.write();
  if (!data) to.data = nullptr;
  const int count = cuda::depthwise_backward<T>(nullptr, window_of(window), p.device_x.read(p.transform.device()),
                                                p.device_dy.write(), p.device_weights.data(), to, accumulate,
                                                device_dw.data(), device_dbias.data(), sums, device_scratch.data());
  const std::string what = str(name(l), ", the sums of its input: ", gate_input, ", accumulates: ", accumulate);
  check_all(device_dw.host(), dw, 1e-5, what + ", dw");
  check_all(device_dbias.host(), dbias, 1e-5, what + ", dbias");
  if (!data) {
    BOOST_TEST(count == 0);
    return;
  }
  device_dx.check(dx, one_rounding<T>, what + ", dx");

  const host_tensor stored = device_dx.device.host();
  std::vector<double> sum(p.mean.size(), 0.0), product = sum;
  z.each([&](int n, int row, int column, int c) {
    const auto i = static_cast<std::size_t>(c);
    const float raw = z.at(n, row, column, c), y = std::fma(raw, gate.scale[i], gate.shift[i]);
    const double g = y > gate.low && y < gate.high ? stored.at(n, row, column, c) : 0.0f;
    sum[i] += g, product[i] += g * (raw - p.mean[i]);
  });
  BOOST_REQUIRE(count >= 1);
  BOOST_REQUIRE(count <= cuda::most_parts);
  check_all(parts.sums(count, 2, 0, l.channels), sum, 1e-5, what + ", sums");
  check_all(parts.sums(count, 2, 1, l.channels), product, 1e-5, what + ", products");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cuda_depthwise, *needs_gpu())

BOOST_AUTO_TEST_CASE_TEMPLATE(depthwise_forward_agrees_with_the_cpu, T, types) {
  for (const depthwise_layer& l : layers)
    for (const bool plain : {false, true}) check_forward<T>(l, plain);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(depthwise_backward_agrees_with_the_cpu, T, types) {
  for (const depthwise_layer& l : layers) {
    for (const bool gate_input : {false, true})
      for (const bool accumulate : {false, true}) check_backward<T>(l, gate_input, accumulate, true);
    check_backward<T>(l, true, false, false);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(ready_sums_stand_for_a_pass, T, types) {
  for (const depthwise_layer& l : layers) {
    const depthwise_problem<T> p(l);
    const device_parts parts(l.channels, 2), own(l.channels, 2);
    const output<T> dx(p.x.extents, l.margin), again(p.x.extents, l.margin);
    const on_device<float> dw(p.weights), tables(floats(6 * p.mean.size(), 0.0f)),
        scratch(floats(static_cast<std::size_t>(
            cuda::depthwise_backward_scratch(window_of(p.window.window), l.channels, cuda::multiprocessors()))));
    const cuda::reading<T> x = p.device_x.read(p.transform.device());
    const auto backward = [&](const output<T>& to, const device_parts& sums) {
      return cuda::depthwise_backward<T>(nullptr, window_of(p.window.window), x, p.device_dy.write(),
                                         p.device_weights.data(), to.device.write(), false, dw.data(), nullptr,
                                         {x, p.device_mean.data(), sums.at()}, scratch.data());
    };
    const int count = backward(dx, parts);
    backward(again, own);
    const std::ptrdiff_t c = l.channels;
    float* const t = tables.data();
    cuda::batch_norm_backward<T>(nullptr, x, p.device_mean.data(), p.device_bias.data(), dx.device.write(), t, t + c,
                                 false, parts.at(), count, t + 2 * c);
    cuda::batch_norm_backward<T>(nullptr, x, p.device_mean.data(), p.device_bias.data(), again.device.write(), t, t + c,
                                 false, own.at(), 0, t + 4 * c);
    check_tensor(dx.device, again.device.host(), one_rounding<T>, name(l));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace odt::test
