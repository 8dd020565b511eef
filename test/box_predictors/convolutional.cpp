// SPDX-License-Identifier: MIT
#include <odt/box_predictors/convolutional.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>

namespace {

struct no_predictor {
  static constexpr std::string_view name = "no_predictor";
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
};
static_assert(odt::box_predictor<odt::convolutional_box_predictor>);
static_assert(!odt::box_predictor<no_predictor>);

odt::network predict(const odt::convolutional_box_predictor::options& o) {
  odt::network net;
  const odt::hyperparams h;
  odt::feature_maps maps;
  maps.push_back(odt::convolve(net, 0, {.scope = "features", .channels = 32, .stride = 2}, h));
  odt::convolutional_box_predictor{o}.build(net, maps, std::array{3}, 5);
  return net;
}

bool has(const odt::network& net, const std::string& name) {
  for (const odt::layer& l : net.layers)
    if (l.name == name) return true;
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convolutional_tests)

BOOST_AUTO_TEST_CASE(a_map_gets_a_head_for_boxes_and_one_for_classes) {
  const auto net = predict({});
  BOOST_REQUIRE_EQUAL(net.outputs.size(), 2u);
  BOOST_TEST(net.channels(net.outputs[odt::box_encodings].layers[0]) == 12);
  BOOST_TEST(net.channels(net.outputs[odt::class_logits].layers[0]) == 15);
  const odt::layer_variables& logits = net[net.outputs[odt::class_logits].layers[0]].variables;
  BOOST_TEST(net.variables.at(static_cast<std::size_t>(logits.weights)).name ==
             "BoxPredictor_0/ClassPredictor/weights");
  BOOST_TEST(net.variables.at(static_cast<std::size_t>(logits.biases)).name == "BoxPredictor_0/ClassPredictor/biases");
}

BOOST_AUTO_TEST_CASE(only_the_classes_are_dropped_out) {
  const auto net = predict({.use_dropout = true, .conv_hyperparams = {}});
  const auto kind_before = [&net](int head) { return net[net[head].inputs[0]].kind; };
  BOOST_TEST((kind_before(net.outputs[odt::class_logits].layers[0]) == odt::layer_kind::dropout));
  BOOST_TEST((kind_before(net.outputs[odt::box_encodings].layers[0]) != odt::layer_kind::dropout));
}

// As in the API, a depth of 0 (min_depth and max_depth both 0) means none.
BOOST_AUTO_TEST_CASE(layers_before_the_heads_need_a_depth) {
  BOOST_TEST(!has(predict({.num_layers_before_predictor = 1, .conv_hyperparams = {}}),
                  "BoxPredictor_0/Conv2d_0_1x1_16/Conv2D"));
  BOOST_TEST(has(predict({.max_depth = 16, .num_layers_before_predictor = 1, .conv_hyperparams = {}}),
                 "BoxPredictor_0/Conv2d_0_1x1_16/Conv2D"));
}

BOOST_AUTO_TEST_CASE(depthwise_heads_are_separable) {
  const auto net = predict({.kernel_size = 3, .use_depthwise = true, .conv_hyperparams = {}});
  BOOST_TEST(has(net, "BoxPredictor_0/BoxEncodingPredictor_depthwise/depthwise"));
  BOOST_TEST(net[net.outputs[odt::box_encodings].layers[0]].kernel_height == 1);
}

BOOST_AUTO_TEST_CASE(sigmoids_within_the_network_are_refused) {
  BOOST_CHECK_THROW(predict({.apply_sigmoid_to_scores = true, .conv_hyperparams = {}}), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
