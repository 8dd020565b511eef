// SPDX-License-Identifier: MIT
#include <odt/core/random.hpp>
#include <odt/nn/activation.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

using odt::activation;
using odt::elementwise;

namespace {

constexpr activation all[] = {activation::none,       activation::relu,    activation::relu_6,
                              activation::leaky_relu, activation::silu,    activation::hard_sigmoid,
                              activation::hard_swish, activation::sigmoid, activation::scaled};

constexpr float infinity = std::numeric_limits<float>::infinity();

/// A function at a point, by hand.
struct known {
  activation kind;
  double x, value, derivative;
};

constexpr known table[] = {
    {activation::none, -2.5, -2.5, 1},
    {activation::relu, -2.5, 0, 0},
    {activation::relu, 0, 0, 0},
    {activation::relu, 7, 7, 1},
    {activation::relu_6, -1, 0, 0},
    {activation::relu_6, 0, 0, 0},
    {activation::relu_6, 3, 3, 1},
    {activation::relu_6, 6, 6, 0},
    {activation::relu_6, 9, 6, 0},
    {activation::leaky_relu, -5, -1, 0.2},
    {activation::leaky_relu, 0, 0, 0.2},
    {activation::leaky_relu, 5, 5, 1},
    {activation::silu, 0, 0, 0.5},
    {activation::silu, 1, 0.7310585786300049, 0.9276705118714867},
    {activation::silu, -1, -0.2689414213699951, 0.0723294881285133},
    {activation::hard_sigmoid, -3, 0, 0},
    {activation::hard_sigmoid, 0, 0.5, 1.0 / 6},
    {activation::hard_sigmoid, 1.5, 0.75, 1.0 / 6},
    {activation::hard_sigmoid, 3, 1, 0},
    {activation::hard_swish, -4, 0, 0},
    {activation::hard_swish, -1.5, -0.375, 0},
    {activation::hard_swish, 1, 2.0 / 3, 5.0 / 6},
    {activation::hard_swish, 4, 4, 1},
    {activation::sigmoid, 0, 0.5, 0.25},
    {activation::sigmoid, 1, 0.7310585786300049, 0.19661193324148185},
    {activation::scaled, -5, -1, 0.2},
    {activation::scaled, 5, 1, 0.2},
};

/// Whether a function bends sharply within `near` of x: the derivative is that of one side there.
bool corner(const elementwise& f, double x, double near) {
  const double y = elementwise{.kind = f.kind, .slope = f.slope}.value(x);
  if (std::abs(y - f.low) < near || std::abs(y - f.high) < near) return true;
  for (const double at : {-3.0, 0.0, 3.0, 6.0})
    if (std::abs(x - at) < near) return true;
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(activation_tests)

BOOST_AUTO_TEST_CASE(values_and_derivatives_at_known_points) {
  for (const known& k : table) {
    const elementwise f{.kind = k.kind};
    BOOST_TEST_CONTEXT(name_of(k.kind) << " at " << k.x) {
      BOOST_TEST(std::abs(f.value(k.x) - k.value) < 1e-7);
      BOOST_TEST(std::abs(f.derivative(k.x) - k.derivative) < 1e-7);
      const auto x = static_cast<float>(k.x);
      BOOST_TEST(std::abs(static_cast<double>(f.value(x)) - k.value) < 1e-6);
      BOOST_TEST(std::abs(static_cast<double>(f.derivative(x)) - k.derivative) < 1e-6);
    }
  }
}

BOOST_AUTO_TEST_CASE(derivatives_are_finite_differences) {
  odt::random_stream random(3);
  for (const activation kind : all)
    for (const elementwise& f : {elementwise{.kind = kind}, elementwise{.kind = kind, .low = -0.25f, .high = 0.75f},
                                 elementwise{kind, 0, 6}, elementwise{.kind = kind, .slope = 0.01f}})
      for (int i = 0; i < 200; ++i) {
        const double x = 3 * static_cast<double>(random.normal()), step = 1e-5;
        if (corner(f, x, 2 * step)) continue;
        const double expected = (f.value(x + step) - f.value(x - step)) / (2 * step);
        BOOST_CHECK_MESSAGE(std::abs(f.derivative(x) - expected) < 1e-8,
                            name_of(kind) << " clamped to " << f.low << ".." << f.high << " at " << x << ": "
                                          << f.derivative(x) << ", expected " << expected);
      }
}

BOOST_AUTO_TEST_CASE(clamps_are_what_readers_apply) {
  for (const activation kind : all)
    for (const float x : {-7.0f, -0.5f, 0.0f, 0.5f, 5.5f, 6.0f, 6.5f}) {
      const bool same = elementwise{.kind = kind}.value(x) ==
                        elementwise{.low = lower_bound(kind), .high = upper_bound(kind)}.value(x);
      if (is_clamp(kind)) BOOST_TEST(same, name_of(kind) << " at " << x);
    }
  BOOST_TEST(is_clamp(activation::none));
  BOOST_TEST(is_clamp(activation::relu));
  BOOST_TEST(is_clamp(activation::relu_6));
  BOOST_TEST(!is_clamp(activation::leaky_relu));
  BOOST_TEST(!is_clamp(activation::sigmoid));
  BOOST_TEST(!is_clamp(activation::scaled));
}

BOOST_AUTO_TEST_CASE(extremes_stay_finite_and_a_nan_stays_one) {
  for (const activation kind : all) {
    const elementwise f{.kind = kind};
    for (const float x : {-1000.0f, -88.0f, 88.0f, 1000.0f}) {
      BOOST_TEST(std::isfinite(f.value(x)), name_of(kind) << " at " << x);
      BOOST_TEST(std::isfinite(f.derivative(x)), name_of(kind) << " at " << x);
    }
    BOOST_TEST(std::isnan(f.value(std::nanf(""))), name_of(kind));
    BOOST_TEST(std::isnan(elementwise{.kind = kind, .low = 0, .high = 6}.value(std::nanf(""))), name_of(kind));
  }
}

BOOST_AUTO_TEST_CASE(the_identity_is_known) {
  BOOST_TEST(elementwise{}.identity());
  BOOST_TEST(!elementwise{.kind = activation::silu}.identity());
  BOOST_TEST(!elementwise{.low = 0}.identity());
  BOOST_TEST(!elementwise{.high = 6}.identity());
  BOOST_TEST((elementwise{.low = -infinity, .high = infinity}.identity()));
}

BOOST_AUTO_TEST_SUITE_END()
