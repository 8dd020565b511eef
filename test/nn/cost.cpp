// SPDX-License-Identifier: MIT
#include <odt/box_predictors/convolutional.hpp>
#include <odt/feature_extractors/inception_v2.hpp>
#include <odt/feature_extractors/mobilenet_v1.hpp>
#include <odt/nn/cost.hpp>
#include <odt/nn/lower.hpp>
#include <odt/nn/shapes.hpp>

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

constexpr std::int64_t flops_of(const odt::network& net, const odt::plan& p, odt::operation kind) {
  std::int64_t sum = 0;
  for (const odt::plan_operation& op : p.operations)
    if (op.kind == kind) sum += odt::cost_of(net, p, op).flops;
  return sum;
}

/// Forward convolutions of a plan.
template <class Extractor>
constexpr std::int64_t forward_flops(int batch, odt::size2 size) {
  const odt::network net = sample<Extractor>();
  const odt::plan p = odt::lower(net, batch, size, odt::run_mode::infer);
  return flops_of(net, p, odt::operation::convolution) + flops_of(net, p, odt::operation::depthwise_convolution);
}

// The same answers at compile time and at run time.
static_assert(forward_flops<odt::mobilenet_v1>(2, {96, 96}) ==
              2 * 2 * odt::multiply_adds(sample<odt::mobilenet_v1>(), {96, 96}));

/// Two convolutions 3 to 4 to 5 channels over images of 6 x 8; the first with stride 2, batch norm and ReLU6.
struct small_network {
  odt::network net;
  odt::plan train;

  explicit small_network(int batch) {
    odt::hyperparams norm, plain;
    norm.has_batch_norm = true;
    plain.has_batch_norm = false;
    const int a = odt::convolve(net, 0, {.scope = "a", .channels = 4, .kernel = 3, .stride = 2}, norm);
    const int b = odt::convolve(net, a, {.scope = "b", .channels = 5}, plain);
    const int c = odt::convolve(net, a, {.scope = "c", .channels = 8}, plain);
    odt::add_predictions(net, 8, 5);
    odt::add_prediction(net, c, b);
    train = odt::lower(net, batch, {6, 8}, odt::run_mode::train);
  }

  odt::operation_cost cost(odt::operation kind, std::string_view scope, bool accumulate = false) const {
    for (const odt::plan_operation& op : train.operations)
      if (op.kind == kind && net[op.layer].name.view().starts_with(scope) && op.accumulates() == accumulate)
        return odt::cost_of(net, train, op);
    return {};
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(cost_tests)

BOOST_AUTO_TEST_CASE(forward_convolutions_are_the_networks_multiply_adds) {
  const odt::size2 size{300, 300};
  BOOST_TEST(forward_flops<odt::mobilenet_v1>(8, size) == 16 * odt::multiply_adds(sample<odt::mobilenet_v1>(), size));
  BOOST_TEST(forward_flops<odt::inception_v2>(1, size) == 2 * odt::multiply_adds(sample<odt::inception_v2>(), size));
}

BOOST_AUTO_TEST_CASE(what_nobody_reads_costs_nothing_unless_it_moves_averages) {
  const auto adds = [](bool has_norm, bool trains) {
    odt::network net;
    odt::hyperparams plain, other;
    plain.has_batch_norm = false;
    other.has_batch_norm = has_norm;
    other.norm.train = trains;
    const int a = odt::convolve(net, 0, {.scope = "a", .channels = 4}, plain);
    odt::convolve(net, a, {.scope = "unread", .channels = 8}, other);
    net.outputs.push_back({.name = "a", .columns = 4, .layers = {a}});
    return odt::multiply_adds(net, {6, 8});
  };
  const std::int64_t a = 6 * 8 * 3 * 4, unread = 6 * 8 * 4 * 8;
  BOOST_TEST(adds(false, false) == a);
  BOOST_TEST(adds(true, false) == a);
  BOOST_TEST(adds(true, true) == a + unread);
}

BOOST_AUTO_TEST_CASE(backward_repeats_forward_twice_but_for_the_images_gradient) {
  const odt::network net = sample<odt::mobilenet_v1>();
  const odt::plan p = odt::lower(net, 8, {300, 300}, odt::run_mode::train);
  using odt::operation;
  const std::int64_t forward = flops_of(net, p, operation::convolution);
  BOOST_TEST(flops_of(net, p, operation::weights_backward) == forward);
  BOOST_TEST(flops_of(net, p, operation::data_backward) == forward - 2 * 8 * 150 * 150 * 32 * 27);
  const std::int64_t depthwise = flops_of(net, p, operation::depthwise_convolution);
  BOOST_TEST(flops_of(net, p, operation::depthwise_backward) == 2 * depthwise);
}

BOOST_AUTO_TEST_CASE(each_tensor_is_counted_once) {
  const small_network n(2);
  const std::int64_t images = 2 * 6 * 8 * 3, a = 2 * 3 * 4 * 4, b = 2 * 3 * 4 * 5, c = 2 * 3 * 4 * 8;
  using odt::operation;
  const auto bytes = [](std::int64_t floats) { return 4 * floats; };
  BOOST_TEST((n.cost(operation::convolution, "a") == odt::operation_cost{2 * a * 27, bytes(images + 9 * 3 * 4 + a)}));
  BOOST_TEST((n.cost(operation::convolution, "b") == odt::operation_cost{2 * b * 4, bytes(a + 4 * 5 + b)}));
  BOOST_TEST((n.cost(operation::weights_backward, "b") == n.cost(operation::convolution, "b")));
  BOOST_TEST((n.cost(operation::normalize_backward, "a").bytes == bytes(3 * a)));
  BOOST_TEST((n.cost(operation::normalize, "a").bytes == bytes(8 * 4)));
  BOOST_TEST(n.cost(operation::loss, "").bytes == bytes(2 * (b + c)));
  BOOST_TEST(odt::loss_cost(n.train).bytes == bytes(2 * (b + c)));
}

BOOST_AUTO_TEST_CASE(what_lies_between_fused_layers_costs_no_bytes) {
  const odt::network net = sample<odt::mobilenet_v1>();
  const odt::size2 size{300, 300};
  const odt::plan apart = odt::lower(net, 2, size, odt::run_mode::infer);
  const odt::plan fused =
      odt::lower(net, 2, size, odt::run_mode::infer, {.fuses = [](const odt::layer& l, std::int64_t) {
                   return l.channels == 32;  // the first
                 }});
  const odt::operation_cost a = odt::cost_of(net, apart), f = odt::cost_of(net, fused);
  BOOST_TEST(f.flops == a.flops);
  BOOST_TEST(f.bytes == a.bytes - 2 * 4 * std::int64_t{2} * 150 * 150 * 32);
}

BOOST_AUTO_TEST_CASE(a_gradient_that_is_added_to_is_read_too) {
  const small_network n(1);
  const std::int64_t a = 3 * 4 * 4;
  using odt::operation;
  const auto of = [&n](std::string_view scope, bool accumulate) {
    return n.cost(operation::data_backward, scope, accumulate).bytes;
  };
  BOOST_TEST(of("c", false) == 4 * (3 * 4 * 8 + 4 * 8 + a));
  // b completes the gradient and reads a's output for the sums of its batch norm.
  BOOST_TEST(of("b", true) == 4 * (3 * 4 * 5 + 4 * 5 + 2 * a + a));
}

BOOST_AUTO_TEST_CASE(a_plan_costs_the_sum_of_its_operations) {
  const small_network n(3);
  odt::operation_cost sum;
  for (const odt::plan_operation& op : n.train.operations) sum += odt::cost_of(n.net, n.train, op);
  BOOST_TEST((odt::cost_of(n.net, n.train) == sum));
  BOOST_TEST(sum.flops > 0);
}

BOOST_AUTO_TEST_CASE(an_update_reads_all_stores_and_writes_all_but_the_gradients) {
  BOOST_TEST(odt::update_cost(100, 0, false).bytes == 4 * 100 * 3);
  BOOST_TEST(odt::update_cost(100, 2, true).bytes == 4 * 100 * 9);
}

BOOST_AUTO_TEST_SUITE_END()
