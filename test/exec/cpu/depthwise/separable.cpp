// SPDX-License-Identifier: MIT
#include <odt/core/text.hpp>
#include <odt/exec/cpu/depthwise/separable.hpp>

#include "exec/cpu/kernels.hpp"

using namespace odt;
using namespace odt::test;

namespace {

struct pair_of_layers {
  int batch, height, width, in, out, stride, margin;
};

const pair_of_layers pairs[] = {
    {1, 1, 1, 1, 1, 1, 0},      {2, 5, 7, 3, 5, 1, 0},      {1, 9, 8, 37, 40, 2, 0},    {2, 40, 33, 32, 64, 1, 0},
    {3, 12, 130, 16, 24, 2, 0}, {1, 38, 38, 300, 96, 1, 0}, {9, 6, 4, 130, 33, 1, 0},   {2, 17, 5, 20, 48, 2, 3},
    {1, 2, 300, 48, 17, 1, 5},  {2, 19, 19, 600, 32, 1, 0}, {1, 80, 170, 8, 336, 1, 0},
};

std::string name(const pair_of_layers& l) {
  return str(l.batch, "x", l.height, "x", l.width, "x", l.in, " to ", l.out, ", stride ", l.stride);
}

struct problem {
  cpu::window depthwise, pointwise;
  host_tensor x;
  shape between, out;
  std::vector<float> depthwise_weights, weights, bias, between_bias, scale, shift;

  problem(const pair_of_layers& l, precision compute) {
    random_stream random(3);
    const same_window w("SAME", l.height, l.width, 3, 3, l.stride, 1);
    depthwise = w.window;
    pointwise.compute = compute;
    x = host_tensor({l.batch, l.height, l.width, l.in}, l.margin);
    x.fill(random);
    between = {l.batch, w.height, w.width, l.in};
    out = {l.batch, w.height, w.width, l.out};
    const auto normals = [&random](int count) {
      std::vector<float> values(static_cast<std::size_t>(count));
      for (float& v : values) v = random.normal();
      return values;
    };
    depthwise_weights = normals(9 * l.in), weights = normals(l.in * l.out);
    bias = normals(l.out), between_bias = normals(l.in);
    scale = normals(std::max(l.in, l.out)), shift = normals(std::max(l.in, l.out));
  }
  pending finish(float high) const { return {scale.data(), shift.data(), 0.0f, high}; }

  host_tensor apart(thread_pool& pool, const pending& read) const {
    host_tensor middle(between), y(out, x.margin);
    const scratch_memory scratch(std::max(cpu::depthwise_scratch(depthwise, x.extents, between, pool.size()),
                                          cpu::conv_scratch(pointwise, between, out, pool.size())));
    cpu::depthwise_forward(pool, depthwise, x.read(read), depthwise_weights.data(), between_bias.data(), middle.write(),
                           nullptr, scratch.data, finish(6));
    cpu::conv_forward(pool, pointwise, middle.read(), weights.data(), bias.data(), y.write(), nullptr, scratch.data,
                      finish(4));
    return y;
  }

  host_tensor together(thread_pool& pool, const pending& read) const {
    const scratch_memory packed(cpu::conv_packed_bytes(pointwise, between, out));
    auto* const panels = reinterpret_cast<float*>(packed.data);
    cpu::conv_pack(pool, pointwise, between, out, weights.data(), panels);
    const scratch_memory scratch(cpu::separable_scratch(pool.size()));
    host_tensor y(out, x.margin);
    cpu::separable_forward(pool, {depthwise, depthwise_weights.data(), between_bias.data(), finish(6)},
                           {pointwise, panels, bias.data(), finish(4)}, x.read(read), between, y.write(), scratch.data);
    return y;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(separable_tests)

BOOST_AUTO_TEST_CASE(two_layers_together_give_what_they_give_apart) {
  for (const precision compute : {precision::fp32, precision::bf16})
    for (const pair_of_layers& l : pairs) {
      const problem p(l, compute);
      thread_pool one(1), three(3);
      const host_tensor apart = p.apart(one, {}), together = p.together(one, {}), shared = p.together(three, {});
      BOOST_TEST((together.dense() == apart.dense()), name(l));
      BOOST_TEST((shared.dense() == apart.dense()), name(l));
      BOOST_TEST(together.margins_untouched(), name(l));
    }
}

BOOST_AUTO_TEST_CASE(an_input_may_have_a_transform) {
  const problem p(pairs[3], precision::fp32);
  thread_pool pool(2);
  const pending read = p.finish(3);
  BOOST_TEST((p.together(pool, read).dense() == p.apart(pool, read).dense()));
  BOOST_TEST((p.together(pool, read).dense() != p.apart(pool, {}).dense()));
}

BOOST_AUTO_TEST_CASE(caches_change_nothing) {
  const problem p(pairs[5], precision::fp32);
  thread_pool pool(2);
  const std::vector<float> expected = p.apart(pool, {}).dense();
  for (const std::size_t bytes : {std::size_t{16} << 10, std::size_t{64} << 10, std::size_t{16} << 20}) {
    const pretended_l2 cache(bytes);
    BOOST_TEST((p.together(pool, {}).dense() == expected), bytes);
  }
}

BOOST_AUTO_TEST_CASE(only_where_it_pays) {
  BOOST_TEST(cpu::suits_separable({3, 3, 1, 1}, 2 * 10 * 10));
  BOOST_TEST(cpu::suits_separable({3, 3, 2, 2}, 38 * 38));
  BOOST_TEST(!cpu::suits_separable({3, 3, 1, 1}, 10 * 10));
  BOOST_TEST(!cpu::suits_separable({3, 3, 3, 3}, 4096));
  BOOST_TEST(!cpu::suits_separable({5, 5, 1, 1}, 4096));
  BOOST_TEST(!cpu::suits_separable({3, 3, 1, 1, 2}, 4096));
}

BOOST_AUTO_TEST_SUITE_END()
