// SPDX-License-Identifier: MIT
#include <odt/box_predictors/convolutional.hpp>
#include <odt/feature_extractors/inception_v2.hpp>
#include <odt/feature_extractors/mobilenet_v1.hpp>
#include <odt/nn/arena.hpp>
#include <odt/nn/plan.hpp>

#include <boost/test/unit_test.hpp>

#include <array>

namespace {

template <class Extractor>
constexpr odt::network sample() {
  constexpr std::array<int, 6> boxes{3, 6, 6, 6, 6, 6};
  odt::network net;
  const auto maps = Extractor{}.build(net, 0);
  odt::convolutional_box_predictor{}.build(net, maps, boxes, 91);
  return net;
}

// The same answers at compile time and at run time.
constexpr std::int64_t bytes =
    odt::peak_bytes(odt::lower(sample<odt::mobilenet_v1>(), 8, {300, 300}, odt::run_mode::train));
static_assert(bytes > 300'000'000 && bytes < 330'000'000);

int count(const odt::plan& p, odt::operation kind) {
  int n = 0;
  for (const odt::plan_operation& op : p.operations) n += op.kind == kind ? 1 : 0;
  return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plan_tests)

BOOST_AUTO_TEST_CASE(windows_meet_the_border_as_tensorflows) {
  const auto place = [](int in, int kernel, int stride, odt::padding border) {
    const odt::window w = odt::place_window(in, kernel, stride, 1, border);
    return std::array<int, 2>{w.before, w.out};
  };
  using odt::padding;
  BOOST_TEST(place(300, 3, 2, padding::same) == (std::array<int, 2>{0, 150}), boost::test_tools::per_element());
  BOOST_TEST(place(75, 3, 2, padding::same) == (std::array<int, 2>{1, 38}), boost::test_tools::per_element());
  BOOST_TEST(place(75, 3, 1, padding::same) == (std::array<int, 2>{1, 75}), boost::test_tools::per_element());
  BOOST_TEST(place(300, 7, 2, padding::same) == (std::array<int, 2>{2, 150}), boost::test_tools::per_element());
  BOOST_TEST(place(300, 3, 2, padding::fixed) == (std::array<int, 2>{1, 150}), boost::test_tools::per_element());
  BOOST_TEST(place(10, 3, 2, padding::valid) == (std::array<int, 2>{0, 4}), boost::test_tools::per_element());
  BOOST_TEST(place(2, 3, 1, padding::valid) == (std::array<int, 2>{0, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_arena_is_close_to_the_peak_of_live_buffers) {
  for (const auto& net : {sample<odt::mobilenet_v1>(), sample<odt::inception_v2>()})
    for (const auto mode : {odt::run_mode::train, odt::run_mode::infer}) {
      const auto p = odt::lower(net, 8, {300, 300}, mode);
      const auto packed = odt::pack(p).floats * 4;
      BOOST_TEST(packed >= odt::peak_bytes(p));
      BOOST_TEST(static_cast<double>(packed) <= 1.05 * static_cast<double>(odt::peak_bytes(p)));
    }
}

BOOST_AUTO_TEST_CASE(buffers_that_live_at_once_do_not_overlap) {
  const auto p = odt::lower(sample<odt::inception_v2>(), 2, {160, 200}, odt::run_mode::train);
  const auto where = odt::pack(p);
  for (std::size_t i = 0; i < p.buffers.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const auto &a = p.buffers[i], &b = p.buffers[j];
      if (a.last < b.first || b.last < a.first) continue;
      const bool apart =
          where.offsets[i] + a.floats <= where.offsets[j] || where.offsets[j] + b.floats <= where.offsets[i];
      BOOST_REQUIRE_MESSAGE(apart, "buffers " << i << " and " << j);
    }
}

BOOST_AUTO_TEST_CASE(no_pass_over_memory_is_spent_on_what_a_reader_can_apply) {
  const auto p = odt::lower(sample<odt::mobilenet_v1>(), 8, {300, 300}, odt::run_mode::train);
  BOOST_TEST(count(p, odt::operation::convolution) == 14 + 8 + 12);
  BOOST_TEST(count(p, odt::operation::depthwise_convolution) == 13);
  BOOST_TEST(count(p, odt::operation::normalize_backward) == 14 + 13 + 8);
  // No gradient for the images, nothing cleared, nothing copied.
  BOOST_TEST(count(p, odt::operation::data_backward) == 14 + 8 + 12 - 1);
  BOOST_TEST(count(p, odt::operation::zero) == 0);
}

BOOST_AUTO_TEST_CASE(branches_write_their_slices_of_a_concat) {
  const auto net = sample<odt::inception_v2>();
  const auto p = odt::lower(net, 2, {300, 300}, odt::run_mode::train);
  for (int i = 0; i < net.size(); ++i) {
    if (net[i].kind != odt::layer_kind::concat) continue;
    const auto& whole = p.places[static_cast<std::size_t>(i)];
    int channel = 0;
    for (const int input : net[i].inputs) {
      const auto& branch = p.places[static_cast<std::size_t>(input)];
      BOOST_TEST(branch.value.buffer == whole.value.buffer);
      BOOST_TEST(branch.value.offset == channel);
      BOOST_TEST(branch.value.pixel_stride == whole.value.channels);
      channel += branch.value.channels;
    }
  }
}

BOOST_AUTO_TEST_CASE(what_the_operations_do_not_cover_is_refused_by_the_layers_name) {
  odt::network net;
  const odt::hyperparams h;
  const int a = odt::convolve(net, 0, {.scope = "a", .channels = 4}, h);
  const int again =
      net.add({.kind = odt::layer_kind::clamp, .name = "a/again", .inputs = {a}, .channels = 4, .low = 0});
  odt::convolve(net, again, {.scope = "b", .channels = 4}, h);
  BOOST_CHECK_EXCEPTION(odt::lower(net, 1, {8, 8}, odt::run_mode::train), odt::error,
                        [](const odt::error& e) { return std::string(e.what()).find("a/again") != std::string::npos; });
}

BOOST_AUTO_TEST_SUITE_END()
