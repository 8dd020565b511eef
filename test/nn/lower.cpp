// SPDX-License-Identifier: MIT
#include <odt/box_predictors/convolutional.hpp>
#include <odt/feature_extractors/inception_v2.hpp>
#include <odt/feature_extractors/mobilenet_v1.hpp>
#include <odt/nn/arena.hpp>
#include <odt/nn/lower.hpp>
#include <odt/nn/variable_layout.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
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
const odt::tensor_view* sends_to(const odt::plan& p, const odt::plan_operation& op) {
  const bool backward = op.kind > odt::operation::loss;
  const bool in_place = op.kind == odt::operation::normalize_backward || op.kind == odt::operation::clamp_backward;
  return backward && !in_place && op.operands.back().how != odt::access::read ? &p[op.operands.back()] : nullptr;
}

bool overlap(const odt::tensor_view& a, const odt::tensor_view& b) {
  return a.buffer == b.buffer && a.offset < b.offset + b.channels && b.offset < a.offset + a.channels;
}

bool is_head(const odt::network& net, int layer) {
  return std::ranges::any_of(net.outputs, [layer](const odt::network_output& o) {
    return std::ranges::find(o.layers, layer) != o.layers.end();
  });
}

/// The operations before the `at`th that write to the gradient of its layer, in order.
std::vector<odt::plan_operation> senders(const odt::plan& p, std::size_t at) {
  std::vector<odt::plan_operation> result;
  for (std::size_t i = 0; i < at; ++i) {
    const odt::tensor_view* to = sends_to(p, p.operations[i]);
    if (to && overlap(*to, p.gradient(p.operations[at].layer))) result.push_back(p.operations[i]);
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
    const odt::axis_window w = odt::place_window(in, kernel, stride, 1, border);
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
  const odt::back_end large{
      .fuses = [](const odt::layer& l, std::int64_t pixels) { return l.multiplier == 1 && pixels >= 19 * 19; }};
  const auto net = sample<odt::mobilenet_v1>();
  const auto p = odt::lower(net, 1, {300, 300}, odt::run_mode::infer, large);
  BOOST_TEST(count(p, odt::operation::separable_convolution) == 11);
  BOOST_TEST(count(p, odt::operation::depthwise_convolution) == 2);
  BOOST_TEST(count(p, odt::operation::normalize) == 14 + 13 + 8);
  const auto apart = odt::lower(net, 1, {300, 300}, odt::run_mode::infer);
  BOOST_TEST(p.buffers.size() == apart.buffers.size() - 11);
  for (const odt::plan_operation& op : p.operations) {
    if (op.kind != odt::operation::separable_convolution) continue;
    const int between = net[op.layer].inputs[0];
    BOOST_TEST(p.value(between).buffer == -1, net[op.layer].name);
    const int source = p.value(net[p.of(between).producer].inputs[0]).buffer;
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
  const odt::back_end always{.fuses = [](const odt::layer&, std::int64_t) { return true; }};
  const auto p = odt::lower(net, 1, {8, 8}, odt::run_mode::infer, always);
  BOOST_TEST(count(p, odt::operation::separable_convolution) == 0);
}

BOOST_AUTO_TEST_CASE(inference_leaves_nothing_to_a_reader) {
  for (const auto& net : {sample<odt::mobilenet_v1>(), sample<odt::inception_v2>()}) {
    const auto p = odt::lower(net, 1, {300, 300}, odt::run_mode::infer);
    for (const odt::tensor_view& v : p.views) BOOST_TEST(v.pending.none());
    std::vector<bool> written(p.layers.size(), false);
    int normalized = 0;
    for (const odt::plan_operation& op : p.operations) {
      const auto producer = static_cast<std::size_t>(p.of(op.layer).producer);
      if (op.kind == odt::operation::normalize) {
        BOOST_TEST(!written[producer], net[op.layer].name);
        BOOST_TEST(p.layers[producer].finish.affine >= 0, net[op.layer].name);
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
    const odt::tensor_view& whole = p.value(i);
    int channel = 0;
    for (const int input : net[i].inputs) {
      const odt::tensor_view& branch = p.value(input);
      BOOST_TEST(branch.buffer == whole.buffer);
      BOOST_TEST(branch.offset == channel);
      BOOST_TEST(branch.pixel_stride == whole.channels);
      channel += branch.channels;
    }
  }
}

BOOST_AUTO_TEST_CASE(a_slice_is_a_part_of_a_view) {
  odt::network net;
  const int x = odt::convolve(net, 0, {.scope = "a", .channels = 6, .kernel = 3}, {});
  const int part = net.slice(net.slice(x, 1, 4, "most"), 2, 2, "part");
  const int y = odt::convolve(net, part, {.scope = "b", .channels = 2}, {});
  net.outputs.push_back({.name = "out", .columns = 2, .layers = {y}});
  for (const odt::run_mode mode : {odt::run_mode::infer, odt::run_mode::train}) {
    const odt::plan p = odt::lower(net, 2, {8, 8}, mode);
    const odt::tensor_view &whole = p.value(x), &own = p.value(part);
    BOOST_TEST(own.buffer == whole.buffer);
    BOOST_TEST(own.offset == whole.offset + 3);
    BOOST_TEST(own.channels == 2);
    BOOST_TEST(own.pixel_stride == 6);
    BOOST_TEST(own.pending.none() == (mode == odt::run_mode::infer));
    if (mode == odt::run_mode::train) BOOST_TEST(own.pending.affine == whole.pending.affine + 3);
    BOOST_TEST(count(p, odt::operation::copy) == 1);  // to the output
  }
  BOOST_CHECK_THROW(net.slice(x, 4, 3, "beyond"), odt::error);
}

BOOST_AUTO_TEST_CASE(dropout_is_no_operation_where_nothing_is_trained) {
  odt::network net;
  int x = odt::convolve(net, 0, {.scope = "a", .channels = 6, .kernel = 3}, {.act = odt::activation::none});
  x = net.add({.kind = odt::layer_kind::dropout, .name = "drop", .inputs = {x}, .channels = 6, .dropout = {0.5f}});
  x = odt::convolve(net, x, {.scope = "b", .channels = 2}, {});
  net.outputs.push_back({.name = "out", .columns = 2, .layers = {x}});
  const odt::plan infer = odt::lower(net, 2, {8, 8}, odt::run_mode::infer),
                  train = odt::lower(net, 2, {8, 8}, odt::run_mode::train);
  BOOST_TEST(count(infer, odt::operation::dropout) == 0);
  BOOST_TEST(count(train, odt::operation::dropout) == 1);
  BOOST_TEST(count(train, odt::operation::dropout_backward) == 1);
}

BOOST_AUTO_TEST_CASE(a_second_activation_is_an_operation_of_its_own) {
  odt::network net;
  const odt::hyperparams h;
  const int a = odt::convolve(net, 0, {.scope = "a", .channels = 4}, h);
  odt::convolve(net, net.clip(a, 1, 2, "again"), {.scope = "b", .channels = 4}, h);
  const auto p = odt::lower(net, 1, {8, 8}, odt::run_mode::train);
  BOOST_TEST(count(p, odt::operation::apply) == 1);
}

/// A pool of one branch, then a concat with another one.
odt::plan pool_in_a_concat(const odt::hyperparams& pooled, const odt::hyperparams& beside, odt::layer_kind pool,
                           odt::run_mode mode) {
  odt::network net;
  const int a = odt::convolve(net, 0, {.scope = "a", .channels = 4}, pooled);
  const int b = odt::convolve(net, 0, {.scope = "b", .channels = 4}, beside);
  const int both = net.concat("both", {net.pool(pool, a, "pool", 3, 1, odt::padding::same), b});
  odt::convolve(net, both, {.scope = "c", .channels = 4}, beside);
  return odt::lower(net, 1, {8, 8}, mode);
}

BOOST_AUTO_TEST_CASE(branches_that_one_clamp_does_not_suit_are_copied) {
  const odt::hyperparams linear{.act = odt::activation::none}, relu{.act = odt::activation::relu};
  for (const auto kind : {odt::layer_kind::max_pool, odt::layer_kind::average_pool}) {
    const auto copies = [kind](const odt::hyperparams& pooled, const odt::hyperparams& beside, odt::run_mode mode) {
      return count(pool_in_a_concat(pooled, beside, kind, mode), odt::operation::copy);
    };
    // A pool of activated values lies within; one of linear values would be cut by its neighbour's clamp.
    BOOST_TEST(copies(relu, relu, odt::run_mode::train) == 0);
    BOOST_TEST(copies(linear, linear, odt::run_mode::train) == 0);
    BOOST_TEST(copies(linear, relu, odt::run_mode::train) == 1);
    // Values that come finished need no common clamp.
    BOOST_TEST(copies(linear, relu, odt::run_mode::infer) == 0);
    // RELU's clamp would let values through that RELU_6 holds.
    BOOST_TEST(copies(relu, {}, odt::run_mode::train) == 1);
  }
}

BOOST_AUTO_TEST_CASE(heads_of_different_code_sizes_are_refused) {
  odt::network net;
  const odt::hyperparams linear{.act = odt::activation::none, .has_batch_norm = false};
  for (const int codes : {4, 5}) {
    const odt::graph_name scope = codes == 4 ? "first" : "second";
    const int encodings = odt::convolve(net, 0, {.scope = scope + "/codes", .channels = 3 * codes}, linear);
    const int logits = odt::convolve(net, 0, {.scope = scope + "/logits", .channels = 3 * 2}, linear);
    if (net.outputs.empty()) odt::add_predictions(net, 4, 2);
    odt::add_prediction(net, encodings, logits);
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

BOOST_AUTO_TEST_CASE(a_clamp_that_a_pool_does_not_finish_is_left_to_the_reader) {
  odt::network net;
  const odt::hyperparams h;
  const int a = odt::convolve(net, 0, {.scope = "a", .channels = 4}, h);
  const int pool = net.pool(odt::layer_kind::max_pool, a, "pool", 2, 2, odt::padding::same);
  odt::convolve(net, net.clip(pool, 0, 1, "clip"), {.scope = "b", .channels = 4}, h);
  for (const auto mode : {odt::run_mode::train, odt::run_mode::infer}) {
    const auto p = odt::lower(net, 1, {8, 8}, mode);
    BOOST_TEST(p.value(pool).pending.high == 1.0f);
    BOOST_TEST(count(p, odt::operation::copy) == 0);
  }
}

BOOST_AUTO_TEST_CASE(an_operation_that_cannot_read_a_pending_reads_a_copy) {
  odt::network net;
  const odt::hyperparams h;
  const int a = odt::convolve(net, 0, {.scope = "a", .channels = 4}, h);
  const int b = odt::convolve(net, a, {.scope = "b", .channels = 4}, h);
  odt::convolve(net, net.sum(a, b, "sum"), {.scope = "c", .channels = 4}, h);
  const odt::back_end device{
      .can_read = [](odt::operation o, const odt::pending_place&) { return o != odt::operation::add; }};
  const auto p = odt::lower(net, 1, {8, 8}, odt::run_mode::train, device);
  BOOST_TEST(count(p, odt::operation::copy) == 2);
  for (const odt::plan_operation& op : p.operations)
    if (op.kind == odt::operation::add)
      for (const odt::operand& o : op.operands) BOOST_TEST(p[o].pending.none());
}

BOOST_AUTO_TEST_SUITE_END()
