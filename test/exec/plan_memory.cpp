// SPDX-License-Identifier: MIT
// What steps need of a GPU's memory, without one.
#include <odt/exec/cuda/plan_memory.hpp>
#include <odt/ssd.hpp>

#include <boost/test/unit_test.hpp>

#include <array>

namespace odt::test {
namespace {

constexpr int h100 = 132;

// A convolution's scratch memory holds the products of its parts of pixels; counted by hand.
// 512 x 512: 4 x 4 tiles of 128, so 132 / 16 = 8 parts; or 8 x 8 tiles of 64, 2 * 132 / 64 = 4 parts.
static_assert(cuda::conv_weights_scratch({512, 512}, 100'000, h100) == 512 * 8 * 512);
// One tile and two steps of 64 pixels: two parts, fewer than a bias' sums may have.
static_assert(cuda::conv_weights_scratch({27, 32}, 100, h100) == 32 * cuda::most_parts);
static_assert(cuda::depthwise_backward_scratch({3, 3}, 64, h100) == 264 * 9 * 64);
static_assert(cuda::depthwise_backward_scratch({3, 3}, 64, 108) == 216 * 9 * 64);
static_assert(cuda::resident_blocks(10'000) == cuda::most_parts);

struct small_detector {
  ssd_options<ssd<mobilenet_v1>::axes> options = [] {
    ssd_options<ssd<mobilenet_v1>::axes> o;
    o.num_classes = 5;
    return o;
  }();
  network net = ssd_network(options);
  variable_layout layout = lay_out(net);

  std::int64_t bytes(std::initializer_list<step_shape> steps, std::size_t size) const {
    return cuda::runner_bytes(net, layout, std::vector<step_shape>(steps), size, h100);
  }
};

constexpr step_shape train_of(int batch) { return {batch, {300, 300}, 10, true}; }
constexpr step_shape evaluation_of(int batch) { return {batch, {300, 300}, 10, false}; }

BOOST_AUTO_TEST_SUITE(plan_memory_tests)

BOOST_AUTO_TEST_CASE(the_bytes_are_those_of_the_plan_and_what_lies_beside_it) {
  const small_detector d;
  const plan p = cuda::lower_for_gpu(d.net, 4, {300, 300}, run_mode::train);
  const cuda::plan_needs needs(d.net, p, cuda::pack_for(p, 2), h100);
  // The images' first convolution, 3x3 of 3 channels in rows of 32 numbers, reads patches at 150 x 150 places.
  BOOST_TEST(needs.patches == 4 * 150 * 150 * 32);
  BOOST_TEST(needs.tables == (4 + 3 * 528) * p.affines);
  // Gradients of predictions: boxes and classes of 3, 6, 6, 6, 6 and 6 boxes a place, in rows of eights.
  BOOST_TEST(needs.padded == 4 * (361 * (16 + 24) + (100 + 25 + 9 + 4 + 1) * (24 + 40)));
  const cuda::packed_layout weights(d.net, cuda::joint_heads(d.net), d.layout);
  const auto entries = static_cast<std::int64_t>(weights.matrices.size() * sizeof(cuda::packing));
  BOOST_TEST(d.bytes({train_of(4)}, 2) == 4 * (needs.arena + needs.tables + needs.scratch + needs.side_scratch) +
                                              2 * (needs.padded + needs.patches + weights.elements) + entries);
}

BOOST_AUTO_TEST_CASE(the_heads_of_a_map_lie_side_by_side) {
  const small_detector d;
  const cuda::joint_heads heads(d.net);
  const cuda::packed_layout weights(d.net, heads, d.layout);
  for (std::size_t map = 0; map < 6; ++map) {
    const int encodings = d.net.outputs[box_encodings].layers[map], logits = d.net.outputs[class_logits].layers[map];
    BOOST_TEST(heads.runs_both(logits));
    BOOST_TEST(heads.run_by_partner(encodings));
    BOOST_TEST(heads.partner(logits) == encodings);
    const std::int64_t first = weights.at[static_cast<std::size_t>(encodings)];
    BOOST_TEST(weights.at[static_cast<std::size_t>(logits)] == first + cuda::packed(d.net.channels(encodings)));
  }
}

BOOST_AUTO_TEST_CASE(heads_that_read_different_layers_run_apart) {
  small_detector d;
  std::get<0>(d.options.box_predictor).opts.use_depthwise = true;
  const network net = ssd_network(d.options);
  const cuda::joint_heads heads(net);
  for (int l = 0; l < net.size(); ++l) BOOST_TEST(heads.partner(l) == -1);
}

BOOST_AUTO_TEST_CASE(float_takes_more_than_bf16_and_less_than_twice_as_much) {
  const small_detector d;
  const std::int64_t two = d.bytes({train_of(8)}, 2), four = d.bytes({train_of(8)}, 4);
  BOOST_TEST(four > two);
  BOOST_TEST(four < 2 * two);
  BOOST_TEST(four > peak_bytes(lower(d.net, 8, {300, 300}, run_mode::train)));
}

BOOST_AUTO_TEST_CASE(a_larger_batch_needs_more) {
  const small_detector d;
  std::int64_t before = 0;
  for (int batch = 1; batch <= 64; ++batch) {
    const std::int64_t bytes = d.bytes({train_of(batch)}, 2);
    BOOST_TEST(bytes > before, "batch " << batch << ": " << bytes << ", one less: " << before);
    before = bytes;
  }
  BOOST_TEST(d.bytes({train_of(1 << 16)}, 2) > std::int64_t{1} << 40);
}

BOOST_AUTO_TEST_CASE(several_plans_share_memory) {
  const small_detector d;
  const std::int64_t train = d.bytes({train_of(8)}, 2);
  BOOST_TEST(d.bytes({train_of(8), evaluation_of(8)}, 2) == train);
  BOOST_TEST(d.bytes({evaluation_of(8)}, 2) < train);
  const std::int64_t large = d.bytes({evaluation_of(256)}, 2);
  BOOST_TEST(d.bytes({train_of(8), evaluation_of(256)}, 2) >= std::max(train, large));
  BOOST_TEST(d.bytes({train_of(8), evaluation_of(256)}, 2) < train + large);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
