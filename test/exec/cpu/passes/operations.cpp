// SPDX-License-Identifier: MIT
#include "exec/cpu/passes/operations.hpp"

using namespace odt;
using namespace odt::test;

namespace {

std::vector<shape> one(const shape& s) { return {s}; }
std::vector<shape> two(const shape& s) { return {s, s}; }
shape same(const shape& s) { return s; }
shape pixel(const shape& s) { return {s.batch, 1, 1, s.channels}; }

operation apply(const elementwise& f) {
  return {
      .name = str("apply ", name_of(f.kind), " clamped to ", f.low, "..", f.high),
      .operands = one,
      .result = same,
      .definition =
          [f](const exact_tensors& x, exact_tensor& y) {
            for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] = f.value(x[0].values[i]);
          },
      .forward = [f](thread_pool& pool, const read_tensors& x, const cpu::tensor& y) { cpu::apply(pool, f, x[0], y); },
      .gradients = {[f](thread_pool& pool, const read_tensors& x, const cpu::const_tensor& dy, const cpu::tensor& dx,
                        bool accumulate) { cpu::apply_backward(pool, f, x[0], dy, dx, accumulate); }}};
}

operation add() {
  const gradient_kernel copy = [](thread_pool& pool, const read_tensors&, const cpu::const_tensor& dy,
                                  const cpu::tensor& dx,
                                  bool accumulate) { cpu::apply_backward(pool, {}, {}, dy, dx, accumulate); };
  return {
      .name = "add",
      .operands = two,
      .result = same,
      .definition =
          [](const exact_tensors& x, exact_tensor& y) {
            for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] = x[0].values[i] + x[1].values[i];
          },
      .forward = [](thread_pool& pool, const read_tensors& x, const cpu::tensor& y) { cpu::add(pool, x[0], x[1], y); },
      .gradients = {copy, copy}};
}

operation multiply() {
  const auto by = [](std::size_t other) {
    return [other](thread_pool& pool, const read_tensors& x, const cpu::const_tensor& dy, const cpu::tensor& dx,
                   bool accumulate) { cpu::multiply(pool, dy, x[other], dx, accumulate); };
  };
  return {.name = "multiply",
          .operands = two,
          .result = same,
          .definition =
              [](const exact_tensors& x, exact_tensor& y) {
                for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] = x[0].values[i] * x[1].values[i];
              },
          .forward = [](thread_pool& pool, const read_tensors& x,
                        const cpu::tensor& y) { cpu::multiply(pool, x[0], x[1], y, false); },
          .gradients = {by(1), by(0)}};
}

operation multiply_pixel() {
  return {.name = "multiply by a pixel",
          .operands =
              [](const shape& s) {
                return std::vector<shape>{s, pixel(s)};
              },
          .result = same,
          .definition =
              [](const exact_tensors& x, exact_tensor& y) {
                y.make([&](int n, int r, int q, int c) { return x[0].at(n, r, q, c) * x[1].at(n, 0, 0, c); });
              },
          .forward = [](thread_pool& pool, const read_tensors& x,
                        const cpu::tensor& y) { cpu::multiply(pool, x[0], x[1], y, false); },
          .gradients = {[](thread_pool& pool, const read_tensors& x, const cpu::const_tensor& dy, const cpu::tensor& dx,
                           bool accumulate) { cpu::multiply(pool, dy, x[1], dx, accumulate); },
                        [](thread_pool& pool, const read_tensors& x, const cpu::const_tensor& dy, const cpu::tensor& dx,
                           bool accumulate) { cpu::multiply_and_sum(pool, x[0], dy, dx, accumulate); }}};
}

/// `cut` rows and columns are missing of the larger tensor.
operation upsample(int factor, int cut) {
  return {
      .name = str("upsample ", factor, " less ", cut),
      .operands = one,
      .result =
          [factor, cut](const shape& s) {
            return shape{s.batch, s.height * factor - cut, s.width * factor - cut, s.channels};
          },
      .definition =
          [factor](const exact_tensors& x, exact_tensor& y) {
            y.make([&](int n, int r, int q, int c) { return x[0].at(n, r / factor, q / factor, c); });
          },
      .forward = [factor](thread_pool& pool, const read_tensors& x,
                          const cpu::tensor& y) { cpu::upsample(pool, factor, x[0], y); },
      .gradients = {[factor](thread_pool& pool, const read_tensors&, const cpu::const_tensor& dy, const cpu::tensor& dx,
                             bool accumulate) { cpu::upsample_backward(pool, factor, dy, dx, accumulate); }}};
}

operation global_pool() {
  return {.name = "global pool",
          .operands = one,
          .result = pixel,
          .definition =
              [](const exact_tensors& x, exact_tensor& y) {
                std::ranges::fill(y.values, 0.0);
                const double pixels = x[0].extents.height * x[0].extents.width;
                x[0].each([&](int n, int r, int q, int c) { y.at(n, 0, 0, c) += x[0].at(n, r, q, c) / pixels; });
              },
          .forward = [](thread_pool& pool, const read_tensors& x,
                        const cpu::tensor& y) { cpu::global_pool(pool, x[0], y); },
          .gradients = {[](thread_pool& pool, const read_tensors&, const cpu::const_tensor& dy, const cpu::tensor& dx,
                           bool accumulate) { cpu::global_pool_backward(pool, dy, dx, accumulate); }}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(operations_tests)

BOOST_AUTO_TEST_CASE(activations_agree_with_the_definition) {
  std::vector<operation> operations;
  for (const activation kind :
       {activation::none, activation::relu, activation::relu_6, activation::leaky_relu, activation::silu,
        activation::hard_sigmoid, activation::hard_swish, activation::sigmoid})
    operations.push_back(apply({.kind = kind}));
  operations.push_back(apply({.low = -0.25f, .high = 0.75f}));
  operations.push_back(apply({.kind = activation::silu, .low = -0.125f, .high = 0.5f}));
  operations.push_back(apply({.kind = activation::leaky_relu, .slope = 0.01f}));
  operations.push_back(apply({.kind = activation::scaled, .slope = 0.17f}));
  check_operations(operations);
}

BOOST_AUTO_TEST_CASE(arithmetic_agrees_with_the_definition) { check_operations({add(), multiply(), multiply_pixel()}); }

BOOST_AUTO_TEST_CASE(products_accumulate) {
  thread_pool pool(2);
  const float a[] = {2, 3}, b[] = {5, 7};
  float y[] = {1, 10};
  cpu::multiply(pool, cpu::dense(a, {1, 2, 1, 1}), cpu::dense(b, {1, 2, 1, 1}), cpu::dense(y, {1, 2, 1, 1}), true);
  BOOST_TEST(y[0] == 11.0f);
  BOOST_TEST(y[1] == 31.0f);
}

BOOST_AUTO_TEST_CASE(resampling_agrees_with_the_definition) {
  check_operations({upsample(1, 0), upsample(2, 0), upsample(2, 1), upsample(3, 2), global_pool()});
}

BOOST_AUTO_TEST_CASE(dropout_keeps_a_share_of_the_values_and_their_mean) {
  const shape s{2, 20, 20, 8};
  std::vector<float> x(static_cast<std::size_t>(s.elements()), 1.0f), y(x.size());
  thread_pool pool(2);
  cpu::dropout(pool, cpu::dense(x.data(), s), cpu::dense(y.data(), s), false, {1, 2, 3, {0.8f}});
  int kept = 0;
  for (const float value : y) {
    BOOST_REQUIRE((value == 0 || value == 1 / 0.8f));
    kept += value != 0 ? 1 : 0;
  }
  BOOST_TEST(std::abs(kept / static_cast<double>(x.size()) - 0.8) < 0.03);
}

BOOST_AUTO_TEST_CASE(dropout_of_images_keeps_whole_ones_and_ever_fewer) {
  const shape s{200, 3, 2, 5};
  std::vector<float> x(static_cast<std::size_t>(s.elements()), 3.0f), y(x.size()), gradient(x.size(), 1.0f);
  thread_pool pool(2);
  const cpu::tensor from = cpu::dense(x.data(), s), to = cpu::dense(y.data(), s);
  for (const std::uint64_t step : {0, 50, 100, 5000}) {
    const float keep = step == 0 ? 1.0f : step == 50 ? 0.75f : 0.5f;
    const cpu::dropout_choice choice{4, step, 7, {.keep_probability = 0.5f, .whole_images = true, .steps_to_it = 100}};
    cpu::dropout(pool, from, to, false, choice);
    int kept = 0;
    for (int n = 0; n < s.batch; ++n) {
      const float first = *to.pixel(n, 0, 0);
      BOOST_REQUIRE((first == 0 || first == 3 * (1 / keep)));
      for (int i = 0; i < 30; ++i) BOOST_REQUIRE_EQUAL(to.pixel(n, 0, 0)[i], first);
      kept += first != 0 ? 1 : 0;
    }
    BOOST_TEST(std::abs(static_cast<float>(kept) / 200 - keep) < 0.1f, "step " << step);
    std::ranges::fill(gradient, 1.0f);
    cpu::dropout(pool, from, cpu::dense(gradient.data(), s), true, choice);  // backward keeps the same
    for (std::size_t i = 0; i < y.size(); ++i) BOOST_REQUIRE_EQUAL(gradient[i], 1 + y[i]);
  }
}

BOOST_AUTO_TEST_CASE(a_long_sum_keeps_its_digits) {
  const shape s{1, 300, 300, 3};
  host_tensor x(s);
  random_stream random(4);
  x.fill(random);
  x.each([&](int n, int r, int q, int c) { x.at(n, r, q, c) += 100.0f; });
  thread_pool pool(2);
  std::vector<float> y(3);
  cpu::global_pool(pool, x.read(), cpu::dense(y.data(), {1, 1, 1, 3}));
  check_near(y, moments_of(x).first, 1e-7, "mean");
}

BOOST_AUTO_TEST_CASE(a_gradient_passes_a_gate_in_place) {
  thread_pool pool(2);
  const float x[] = {-1, 0, 1, 6, 7};
  float dy[] = {1, 2, 3, 4, 5};
  const shape s{1, 5, 1, 1};
  cpu::apply_backward(pool, {.low = 0, .high = 6}, cpu::dense(x, s), cpu::dense(static_cast<const float*>(dy), s),
                      cpu::dense(dy, s), false);
  BOOST_TEST((std::vector<float>(dy, dy + 5) == std::vector<float>{0, 0, 3, 0, 0}));
}

BOOST_AUTO_TEST_CASE(activations_are_tensorflows, *needs(golden() / "units/nn/activation")) {
  const std::pair<std::string, activation> kinds[] = {
      {"RELU", activation::relu}, {"RELU_6", activation::relu_6}, {"SWISH", activation::silu}};
  for (const golden_case& c : golden_cases("nn/activation"))
    for (const auto& [name, kind] : kinds) {
      if (c.params().at("activation").get<std::string>() != name) continue;
      const auto x = c.in("x").as<float>(), dy = c.in("dy").as<float>();
      const shape s{1, 1, 1, static_cast<int>(x.size())};
      std::vector<float> y(x.size()), dx(x.size());
      thread_pool pool(1);
      cpu::apply(pool, {.kind = kind}, cpu::dense(x.data(), s), cpu::dense(y.data(), s));
      cpu::apply_backward(pool, {.kind = kind}, cpu::dense(x.data(), s), cpu::dense(dy.data(), s),
                          cpu::dense(dx.data(), s), false);
      check_close(y, c.out("y"), c, "y");
      check_close(dx, c.out("dx"), c, "dx");
    }
}

BOOST_AUTO_TEST_CASE(upsampling_is_the_apis, *needs(golden() / "units/nn/upsample")) {
  for (const golden_case& c : golden_cases("nn/upsample")) {
    if (!c.params().contains("scale")) continue;
    const array x = c.in("x"), dy = c.in("dy");
    const auto extents = [](const array& a) {
      const auto at = [&](std::size_t i) { return static_cast<int>(a.shape[i]); };
      return shape{at(0), at(1), at(2), at(3)};
    };
    const auto xs = x.as<float>(), dys = dy.as<float>();
    std::vector<float> y(dys.size()), dx(xs.size());
    const int factor = c.params().at("scale").get<int>();
    thread_pool pool(2);
    cpu::upsample(pool, factor, cpu::dense(xs.data(), extents(x)), cpu::dense(y.data(), extents(dy)));
    cpu::upsample_backward(pool, factor, cpu::dense(dys.data(), extents(dy)), cpu::dense(dx.data(), extents(x)), false);
    check_close(y, c.out("y"), c, "y");
    check_close(dx, c.out("dx"), c, "dx");
  }
}

BOOST_AUTO_TEST_SUITE_END()
