// SPDX-License-Identifier: MIT
// Convolutions of operands rounded to bfloat16, with sums in fp32.
#include <odt/exec/cpu/convolution/products.hpp>
#include <odt/exec/cpu/passes/batch_norm.hpp>

#include "exec/cpu/convolution/convolution_problem.hpp"

#include <bit>
#include <limits>

using namespace odt;
using namespace odt::test;

namespace {

/// To nearest, ties to even.
float to_bf16(float value) {
  if (std::isnan(value)) return value;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u);
}

std::vector<float> to_bf16(std::vector<float> values) {
  for (float& v : values) v = to_bf16(v);
  return values;
}

host_tensor to_bf16(host_tensor a) {
  a.values = to_bf16(a.values);
  return a;
}

/// What a reader with that pending sees.
host_tensor seen(const host_tensor& x, const pending& transform) {
  thread_pool pool(1);
  host_tensor y(x.extents);
  cpu::apply(pool, {}, x.read(transform), y.write());
  return y;
}

conv_problem problem(const conv_layer& l, int margin, precision compute) {
  conv_problem p(l, margin, 23);
  p.window.compute = compute;
  return p;
}

/// Where numbers are multiplied in pairs along the output's channels, an odd count of them stays fp32.
bool data_is_rounded(const conv_layer& l) { return l.kernel == 1 || l.out % cpu::bf16_product::depth == 0; }

void check(const conv_layer& l, int margin, const pending& kind) {
  const conv_problem p = problem(l, margin, precision::bf16);
  pending transform = kind;
  if (kind.scale) transform.scale = p.scale.data(), transform.shift = p.shift.data();
  const conv_results r = p.run(1, transform, true);
  const conv_reference rounded(p.window, to_bf16(seen(p.x, transform)), {}, to_bf16(p.weights), p.bias, to_bf16(p.dy));
  const conv_reference exact(p.window, p.x, transform, p.weights, p.bias, p.dy);
  check_near(r.y, rounded.y, 1e-5, name(l) + ", y");
  check_near(r.dx, data_is_rounded(l) ? rounded.dx : exact.dx, 1e-5, name(l) + ", dx");
  check_near(r.dw, rounded.dw, 1e-5 + 5e-7 * std::sqrt(static_cast<double>(p.dy.extents.pixels())), name(l) + ", dw");
  check_near(r.dbias, exact.dbias, 3e-5, name(l) + ", dbias");
}

const float one = 1.0f;
const pending none, clamped{nullptr, nullptr, 0.0f, 1.0f}, affine{&one, &one, 0.0f, 6.0f};

}  // namespace

BOOST_AUTO_TEST_SUITE(convolution_bf16_tests)

BOOST_AUTO_TEST_CASE(rounds_to_nearest_and_ties_to_even) {
  const float tie = 1.0f + 0x1p-8f, odd = 1.0f + 0x1p-7f, odd_tie = odd + 0x1p-8f;
  const float most = std::numeric_limits<float>::max(), infinity = std::numeric_limits<float>::infinity();
  BOOST_TEST(to_bf16(tie) == 1.0f);
  BOOST_TEST(to_bf16(odd_tie) == 1.0f + 0x1p-6f);
  BOOST_TEST(to_bf16(most) == infinity);
  const float special[] = {0.0f,
                           -0.0f,
                           tie,
                           -tie,
                           odd,
                           odd_tie,
                           -odd_tie,
                           most,
                           -most,
                           infinity,
                           -infinity,
                           std::numeric_limits<float>::min(),
                           std::nextafter(tie, 2.0f),
                           std::nextafter(tie, 0.0f)};
  std::vector<float> values(special, std::end(special));
  random_stream random(5);
  while (values.size() < 4096) values.push_back(random.normal() * std::exp2(random.uniform(-100, 100)));
  for (std::size_t i = 0; i + cpu::lanes <= values.size(); i += cpu::lanes) {
    float rounded[cpu::lanes];
    cpu::store(rounded, cpu::round_to_bf16(cpu::load(values.data() + i)));
    for (std::size_t j = 0; j < cpu::lanes; ++j)
      BOOST_REQUIRE(std::bit_cast<std::uint32_t>(rounded[j]) == std::bit_cast<std::uint32_t>(to_bf16(values[i + j])));
  }
  for (const std::uint32_t bits : {0x7fc00000u, 0x7f800001u, 0xff80ffffu, 0xffffffffu}) {
    float rounded[cpu::lanes];
    cpu::store(rounded, cpu::round_to_bf16(cpu::vec(std::bit_cast<float>(bits))));
    BOOST_TEST(std::isnan(rounded[0]));
  }
}

BOOST_AUTO_TEST_CASE(agrees_with_the_definition_on_rounded_operands) {
  for (const conv_layer& l : conv_layers) check(l, 0, none);
}

BOOST_AUTO_TEST_CASE(rounds_after_the_transform) {
  for (const conv_layer& l : conv_layers) {
    check(l, 0, clamped);
    check(l, 3, affine);
  }
}

BOOST_AUTO_TEST_CASE(any_depth_and_width_will_do) {
  for (const int depth : {2, 31, 33, 255, 256, 257, 511, 512, 513, 1023, 1025, 1537})
    for (const int width : {1, 17}) {
      check({1, 3, 5, depth, width, 1, 1, 1, "SAME"}, 1, none);
      check({1, 3, 5, width, depth, 1, 1, 1, "SAME"}, 0, clamped);
    }
  for (const int depth : {29, 57, 58, 113, 171}) check({1, 4, 3, depth, depth + 1, 3, 1, 1, "SAME"}, 0, none);
}

BOOST_AUTO_TEST_CASE(is_not_fp32) {
  for (const conv_layer& l : conv_layers) {
    const conv_results narrow = problem(l, 0, precision::bf16).run(1, none, true);
    const conv_results wide = problem(l, 0, precision::fp32).run(1, none, true);
    BOOST_TEST((narrow.y != wide.y), name(l));
    BOOST_TEST((narrow.dw != wide.dw), name(l));
    if (data_is_rounded(l)) BOOST_TEST((narrow.dx != wide.dx), name(l));
    BOOST_TEST((narrow.dbias == wide.dbias), name(l));
    check_near(narrow.y, {wide.y.begin(), wide.y.end()}, 3e-2, name(l) + ", y");
  }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_a_bit) {
  for (const conv_layer& l : conv_layers)
    for (const precision compute : {precision::fp32, precision::bf16}) {
      const conv_problem p = problem(l, 0, compute);
      const pending transform{p.scale.data(), p.shift.data(), 0.0f, 6.0f};
      const conv_results alone = p.run(1, transform, true);
      for (const int threads : {2, 3, 5}) BOOST_TEST((p.run(threads, transform, true) == alone), name(l));
    }
}

BOOST_AUTO_TEST_SUITE_END()
