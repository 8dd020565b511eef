// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/convolution/packed_weights.hpp>

#include "exec/cpu/convolution/convolution_problem.hpp"

using namespace odt;
using namespace odt::test;

namespace {

std::vector<float> forward(thread_pool& pool, const conv_problem& p, const float* packed) {
  const scratch_memory scratch(cpu::conv_scratch(p.window, p.x.extents, p.dy.extents, pool.size()));
  host_tensor y(p.dy.extents, 0);
  cpu::conv_forward(pool, p.window, p.x.read(), p.weights.data(), nullptr, y.write(), nullptr, scratch.data, {},
                    packed);
  return y.dense();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(packed_weights_tests)

BOOST_AUTO_TEST_CASE(weights_packed_before_give_the_same_bits) {
  thread_pool pool(2);
  for (const precision compute : {precision::fp32, precision::bf16})
    for (const conv_layer& l : conv_layers) {
      conv_problem p(l, 0, 5);
      p.window.compute = compute;
      cpu::packed_weights kept;
      const cpu::packed_weights::request r{3, p.window, p.x.extents, p.dy.extents};
      kept.reserve({r});
      BOOST_TEST((forward(pool, p, kept.get(pool, r, p.weights.data())) == forward(pool, p, nullptr)), name(l));
    }
}

BOOST_AUTO_TEST_CASE(they_are_packed_again_once_they_are_forgotten) {
  thread_pool pool(1);
  conv_problem p(conv_layers[0], 0, 5);
  cpu::packed_weights kept;
  const cpu::packed_weights::request r{0, p.window, p.x.extents, p.dy.extents};
  kept.reserve({r});
  const float before = *kept.get(pool, r, p.weights.data());
  p.weights[0] += 1;
  BOOST_TEST(*kept.get(pool, r, p.weights.data()) == before);
  kept.forget();
  BOOST_TEST(*kept.get(pool, r, p.weights.data()) == p.weights[0]);
}

BOOST_AUTO_TEST_CASE(memory_is_taken_once_a_layer_and_form) {
  const cpu::window window{.kernel_height = 3, .kernel_width = 3, .pad_top = 1, .pad_left = 1};
  const auto of = [&window](int layer, int size) {
    return cpu::packed_weights::request{layer, window, {1, size, size, 32}, {1, size, size, 32}};
  };
  cpu::packed_weights kept;
  kept.reserve({of(1, 20)});
  const std::size_t points = kept.bytes();
  BOOST_TEST(points == 16 * 32 * 32 * sizeof(float));
  kept.reserve({of(1, 30)});  // of another size, by points too
  BOOST_TEST(kept.bytes() == points);
  kept.reserve({of(1, 5)});  // too small for points
  BOOST_TEST(kept.bytes() == points + 9 * 32 * 32 * sizeof(float));
}

BOOST_AUTO_TEST_SUITE_END()
