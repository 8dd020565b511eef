// SPDX-License-Identifier: MIT
#include <odt/box_predictors/convolutional.hpp>
#include <odt/feature_extractors/inception_v2.hpp>
#include <odt/feature_extractors/mobilenet_v1.hpp>
#include <odt/nn/arena.hpp>
#include <odt/nn/lower.hpp>
#include <odt/nn/variable_layout.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <limits>
#include <vector>

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

/// Where an operation writes a gradient that it does not only change in place, or null.
const odt::tensor_place* sends_to(const odt::plan& p, const odt::plan_operation& op) {
  if (op.operands.empty() || op.kind == odt::operation::loss) return nullptr;
  const odt::operand& last = op.operands.back();
  const bool in_place = last.layer == op.layer && op.kind != odt::operation::zero;
  return last.gradient && last.how != odt::access::read && !in_place ? &place_of(p, last) : nullptr;
}

bool overlap(const odt::tensor_place& a, const odt::tensor_place& b) {
  return a.buffer == b.buffer && a.offset < b.offset + b.channels && b.offset < a.offset + a.channels;
}

bool is_head(const odt::network& net, int layer) {
  for (const odt::prediction_head& head : net.heads)
    if (head.encodings == layer || head.logits == layer) return true;
  return false;
}

/// The operations before the `at`th that write to the gradient of its layer, in order.
std::vector<odt::plan_operation> senders(const odt::plan& p, std::size_t at) {
  std::vector<odt::plan_operation> result;
  for (std::size_t i = 0; i < at; ++i) {
    const odt::tensor_place* to = sends_to(p, p.operations[i]);
    if (to && overlap(*to, p.places[static_cast<std::size_t>(p.operations[at].layer)].gradient))
      result.push_back(p.operations[i]);
  }
  return result;
}

int check_sums(const odt::network& net, const odt::plan& p) {
  int summed = 0;
  for (std::size_t i = 0; i < p.operations.size(); ++i) {
    const odt::plan_operation& op = p.operations[i];
    if (op.kind != odt::operation::normalize_backward) continue;
    const auto before = senders(p, i);
    BOOST_TEST_REQUIRE(!before.empty());
    const odt::plan_operation& last = before.back();
    // Heads send the few pixels that mining has left, without sums.
    const bool convolves =
        (last.kind == odt::operation::data_backward || last.kind == odt::operation::depthwise_backward) &&
        !is_head(net, last.layer);
    BOOST_TEST(op.summed == convolves, net[op.layer].name);
    BOOST_TEST(last.sums == convolves, net[op.layer].name);
    for (std::size_t j = 0; j + 1 < before.size(); ++j) BOOST_TEST(!before[j].sums, net[op.layer].name);
    summed += op.summed ? 1 : 0;
  }
  return summed;
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

BOOST_AUTO_TEST_CASE(the_convolution_that_completes_a_gradient_adds_up_its_batch_norms_sums) {
  const auto net = sample<odt::mobilenet_v1>();
  const auto p = odt::lower(net, 8, {300, 300}, odt::run_mode::train);
  // All but that of the last feature map, which heads alone read.
  BOOST_TEST(check_sums(net, p) == 14 + 13 + 8 - 1);
  int sums = 0;
  for (const odt::plan_operation& op : p.operations) sums += op.sums ? 1 : 0;
  BOOST_TEST(sums == 14 + 13 + 8 - 1);
}

BOOST_AUTO_TEST_CASE(depthwise_layers_are_fused_with_the_pointwise_ones_that_alone_read_them) {
  const odt::fusion_rule large = [](const odt::layer& l, std::int64_t pixels) {
    return l.multiplier == 1 && pixels >= 19 * 19;
  };
  const auto net = sample<odt::mobilenet_v1>();
  const auto p = odt::lower(net, 1, {300, 300}, odt::run_mode::infer, large);
  BOOST_TEST(count(p, odt::operation::separable_convolution) == 11);
  BOOST_TEST(count(p, odt::operation::depthwise_convolution) == 2);
  BOOST_TEST(count(p, odt::operation::normalize) == 14 + 13 + 8);
  const auto apart = odt::lower(net, 1, {300, 300}, odt::run_mode::infer);
  BOOST_TEST(p.buffers.size() == apart.buffers.size() - 11);
  for (const odt::plan_operation& op : p.operations) {
    if (op.kind != odt::operation::separable_convolution) continue;
    const odt::layer_place& between = p.places[static_cast<std::size_t>(net[op.layer].inputs[0])];
    BOOST_TEST(between.value.buffer == -1, net[op.layer].name);
    const int source = p.places[static_cast<std::size_t>(net[between.producer].inputs[0])].value.buffer;
    const auto index = static_cast<int>(&op - p.operations.data());
    BOOST_TEST(p.buffers[static_cast<std::size_t>(source)].last >= index, net[op.layer].name);
  }
  // Neither in training nor, in Inception, a 7x7 window with several outputs a channel.
  BOOST_TEST(
      count(odt::lower(net, 1, {300, 300}, odt::run_mode::train, large), odt::operation::separable_convolution) == 0);
  BOOST_TEST(count(odt::lower(sample<odt::inception_v2>(), 1, {300, 300}, odt::run_mode::infer, large),
                   odt::operation::separable_convolution) == 0);
}

BOOST_AUTO_TEST_CASE(a_depthwise_layer_with_another_reader_is_left_alone) {
  odt::network net;
  const auto depthwise = [](int input) {
    return odt::layer{.kind = odt::layer_kind::depthwise_convolution,
                      .name = "d",
                      .inputs = {input},
                      .channels = 3,
                      .kernel_height = 3,
                      .kernel_width = 3};
  };
  const auto pointwise = [](int input) {
    return odt::layer{.kind = odt::layer_kind::convolution, .name = "p", .inputs = {input}, .channels = 4};
  };
  const int shared = net.add(depthwise(0));
  const int first = net.add(pointwise(shared)), second = net.add(pointwise(shared));
  net.add({.kind = odt::layer_kind::concat, .name = "both", .inputs = {first, second}, .channels = 8});
  const odt::fusion_rule always = [](const odt::layer&, std::int64_t) { return true; };
  const auto p = odt::lower(net, 1, {8, 8}, odt::run_mode::infer, always);
  BOOST_TEST(count(p, odt::operation::separable_convolution) == 0);
}

BOOST_AUTO_TEST_CASE(inference_leaves_nothing_to_a_reader) {
  for (const auto& net : {sample<odt::mobilenet_v1>(), sample<odt::inception_v2>()}) {
    const auto p = odt::lower(net, 1, {300, 300}, odt::run_mode::infer);
    for (const odt::layer_place& place : p.places) {
      BOOST_TEST(place.pending.affine < 0);
      BOOST_TEST(place.pending.low == -std::numeric_limits<float>::infinity());
      BOOST_TEST(place.pending.high == std::numeric_limits<float>::infinity());
    }
    std::vector<bool> written(p.places.size(), false);
    int normalized = 0;
    for (const odt::plan_operation& op : p.operations) {
      const auto producer = static_cast<std::size_t>(p.places[static_cast<std::size_t>(op.layer)].producer);
      if (op.kind == odt::operation::normalize) {
        BOOST_TEST(!written[producer], net[op.layer].name);
        BOOST_TEST(p.places[producer].finish.affine >= 0, net[op.layer].name);
        ++normalized;
      } else {
        written[producer] = true;
      }
    }
    int norms = 0;
    for (int i = 0; i < net.size(); ++i) norms += net[i].kind == odt::layer_kind::batch_norm ? 1 : 0;
    BOOST_TEST(normalized == norms);
  }
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

BOOST_AUTO_TEST_CASE(a_pool_of_linear_values_beside_activated_branches_is_refused) {
  const odt::hyperparams linear{.act = odt::activation::none}, relu{.act = odt::activation::relu};
  for (const auto& before : {linear, relu})
    for (const auto kind : {odt::layer_kind::max_pool, odt::layer_kind::average_pool}) {
      odt::network net;
      const int a = odt::convolve(net, 0, {.scope = "a", .channels = 4}, before);
      const int b = odt::convolve(net, 0, {.scope = "b", .channels = 4}, relu);
      const int pool = net.pool(kind, a, "pool", 3, 1, odt::padding::same);
      odt::convolve(net, net.concat("both", {pool, b}), {.scope = "c", .channels = 4}, relu);
      const auto lower = [&net] { return odt::lower(net, 1, {8, 8}, odt::run_mode::train); };
      if (before.act == odt::activation::relu)
        BOOST_CHECK_NO_THROW(lower());
      else
        BOOST_CHECK_EXCEPTION(lower(), odt::error, [](const odt::error& e) {
          return std::string(e.what()).find("layer both: its branches have different activations (pool)") == 0;
        });
    }
}

BOOST_AUTO_TEST_CASE(heads_of_different_code_sizes_are_refused) {
  odt::network net;
  const odt::hyperparams linear{.act = odt::activation::none, .has_batch_norm = false};
  for (const int codes : {4, 5}) {
    const odt::graph_name scope = codes == 4 ? "first" : "second";
    const int encodings = odt::convolve(net, 0, {.scope = scope + "/codes", .channels = 3 * codes}, linear);
    const int logits = odt::convolve(net, 0, {.scope = scope + "/logits", .channels = 3 * 2}, linear);
    net.heads.push_back({encodings, logits, 3});
  }
  BOOST_CHECK_EXCEPTION(odt::lower(net, 1, {8, 8}, odt::run_mode::train), odt::error, [](const odt::error& e) {
    return std::string(e.what()).find("layer second/codes/Conv2D: predicts 15 numbers a cell") == 0;
  });
}

BOOST_AUTO_TEST_CASE(below_the_lowest_trained_variable_there_is_no_backward) {
  auto net = sample<odt::mobilenet_v1>();
  const auto whole = odt::lower(net, 4, {160, 160}, odt::run_mode::train);
  for (odt::variable& v : net.variables)
    if (v.name.view().starts_with("FeatureExtractor/")) v.trainable = false;
  const auto heads = odt::lower(net, 4, {160, 160}, odt::run_mode::train);
  BOOST_TEST(count(heads, odt::operation::convolution) == count(whole, odt::operation::convolution));
  BOOST_TEST(count(heads, odt::operation::weights_backward) == 12);
  for (const auto kind : {odt::operation::data_backward, odt::operation::depthwise_backward,
                          odt::operation::normalize_backward, odt::operation::clamp_backward})
    BOOST_TEST(count(heads, kind) == 0);
  BOOST_TEST(odt::peak_bytes(heads) < odt::peak_bytes(whole) / 3);
  // One trained norm in the middle: backward comes to its convolution, and no further.
  for (odt::variable& v : net.variables)
    if (v.name.view().find("Conv2d_5_pointwise/BatchNorm/gamma") != std::string_view::npos) v.trainable = true;
  const auto from_the_middle = odt::lower(net, 4, {160, 160}, odt::run_mode::train);
  BOOST_TEST(count(from_the_middle, odt::operation::depthwise_backward) == 13 - 5);
  BOOST_TEST(count(from_the_middle, odt::operation::weights_backward) == 12);
}

BOOST_AUTO_TEST_CASE(two_layers_of_one_name_are_refused_and_shared_variables_lie_once) {
  odt::network net;
  const odt::hyperparams h;
  const int a = odt::convolve(net, 0, {.scope = "a", .channels = 3}, h);
  odt::network twice = net;
  odt::convolve(twice, a, {.scope = "a", .channels = 3}, h);
  BOOST_CHECK_THROW(odt::lay_out(twice), odt::error);
  odt::network shared = net;
  odt::layer again = shared[1];
  again.name = "again";
  again.inputs = {a};
  shared.add(std::move(again));
  const auto layout = odt::lay_out(shared);
  BOOST_TEST(layout.variables.size() == odt::lay_out(net).variables.size());
  BOOST_TEST(layout.layers.back().weights == layout.layers[1].weights);
  BOOST_TEST(layout.floats == odt::lay_out(net).floats);
}

BOOST_AUTO_TEST_CASE(what_no_convolution_finishes_is_refused) {
  for (const auto kind : {odt::layer_kind::max_pool, odt::layer_kind::average_pool}) {
    odt::network net;
    const odt::hyperparams h;
    const int a = odt::convolve(net, 0, {.scope = "a", .channels = 4}, h);
    const int pool =
        net.add({.kind = kind, .name = "pool", .inputs = {a}, .channels = 4, .kernel_height = 2, .kernel_width = 2});
    const int clamp =
        net.add({.kind = odt::layer_kind::clamp, .name = "pool/clamp", .inputs = {pool}, .channels = 4, .low = 0});
    odt::convolve(net, clamp, {.scope = "b", .channels = 4}, h);
    for (const auto mode : {odt::run_mode::train, odt::run_mode::infer})
      BOOST_CHECK_EXCEPTION(odt::lower(net, 1, {8, 8}, mode), odt::error, [](const odt::error& e) {
        return std::string(e.what()).find("pool/clamp") != std::string::npos;
      });
  }
}

BOOST_AUTO_TEST_SUITE_END()
