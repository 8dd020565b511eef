// SPDX-License-Identifier: MIT
#include <odt/box_predictors/weight_shared.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <set>
#include <string>
#include <vector>

namespace {

using predictor = odt::weight_shared_convolutional_box_predictor;
static_assert(odt::box_predictor<predictor>);

/// Predicts 3 boxes a cell and 5 classes from two maps.
odt::network predict(const predictor::options& o, std::array<int, 2> boxes = {3, 3}, int second_depth = 32) {
  odt::network net;
  odt::feature_maps maps;
  maps.push_back(odt::convolve(net, 0, {.scope = "fine", .channels = 32, .stride = 2}, {}));
  maps.push_back(odt::convolve(net, maps[0], {.scope = "coarse", .channels = second_depth, .stride = 2}, {}));
  predictor{o}.build(net, maps, boxes, 5);
  return net;
}

std::set<std::string> variables(const odt::network& net) {
  std::set<std::string> names;
  for (const odt::variable& v : net.variables) BOOST_TEST(names.insert(v.name).second, "twice: " << v.name);
  return names;
}

const odt::layer& layer_of(const odt::network& net, int output, std::size_t map) {
  return net[net.outputs[static_cast<std::size_t>(output)].layers[map]];
}

const std::string scope = "WeightSharedConvolutionalBoxPredictor";

}  // namespace

BOOST_AUTO_TEST_SUITE(weight_shared_tests)

BOOST_AUTO_TEST_CASE(all_maps_share_all_weights) {
  const auto net = predict({.num_layers_before_predictor = 2});
  for (const int output : {odt::box_encodings, odt::class_logits}) {
    BOOST_REQUIRE_EQUAL(net.outputs[static_cast<std::size_t>(output)].layers.size(), 2u);
    BOOST_TEST(layer_of(net, output, 0).variables.weights == layer_of(net, output, 1).variables.weights);
    BOOST_TEST(layer_of(net, output, 0).variables.biases == layer_of(net, output, 1).variables.biases);
  }
  BOOST_TEST(layer_of(net, odt::box_encodings, 0).channels == 12);
  BOOST_TEST(layer_of(net, odt::class_logits, 1).channels == 15);
  const auto names = variables(net);
  BOOST_TEST(names.contains(scope + "/BoxPredictionTower/conv2d_1/weights"));
  BOOST_TEST(names.contains(scope + "/ClassPredictionTower/conv2d_1/weights"));
  BOOST_TEST(names.contains(scope + "/ClassPredictor/biases"));
}

BOOST_AUTO_TEST_CASE(each_map_has_norms_of_its_own) {
  const auto names = variables(predict({.num_layers_before_predictor = 1}));
  for (const char* map : {"0", "1"})
    BOOST_TEST(names.contains(scope + "/BoxPredictionTower/conv2d_0/BatchNorm/feature_" + map + "/moving_mean"));
  BOOST_TEST(!names.contains(scope + "/BoxPredictionTower/conv2d_0/BatchNorm/feature_2/moving_mean"));
  BOOST_TEST(!names.contains(scope + "/BoxPredictionTower/conv2d_0/biases"));
}

BOOST_AUTO_TEST_CASE(without_norms_the_towers_have_biases) {
  predictor::options o{.num_layers_before_predictor = 1};
  o.conv_hyperparams.has_batch_norm = false;
  const auto names = variables(predict(o));
  BOOST_TEST(names.contains(scope + "/BoxPredictionTower/conv2d_0/biases"));
  BOOST_TEST(!names.contains(scope + "/BoxPredictionTower/conv2d_0/BatchNorm/feature_0/beta"));
}

BOOST_AUTO_TEST_CASE(one_tower_can_serve_both_heads) {
  const auto net = predict({.num_layers_before_predictor = 1, .share_prediction_tower = true});
  const auto names = variables(net);
  BOOST_TEST(names.contains(scope + "/PredictionTower/conv2d_0/weights"));
  BOOST_TEST(!names.contains(scope + "/ClassPredictionTower/conv2d_0/weights"));
  BOOST_TEST(layer_of(net, odt::box_encodings, 0).inputs[0] == layer_of(net, odt::class_logits, 0).inputs[0]);
}

BOOST_AUTO_TEST_CASE(separable_towers_and_heads_are_shared_too) {
  const auto net = predict({.num_layers_before_predictor = 1, .use_depthwise = true});
  const auto names = variables(net);
  BOOST_TEST(names.contains(scope + "/BoxPredictionTower/conv2d_0/depthwise_weights"));
  BOOST_TEST(names.contains(scope + "/BoxPredictor/pointwise_weights"));
  const auto depthwise = [&net](std::size_t map) { return net[layer_of(net, odt::box_encodings, map).inputs[0]]; };
  BOOST_TEST((depthwise(1).kind == odt::layer_kind::depthwise_convolution));
  BOOST_TEST(depthwise(0).variables.weights == depthwise(1).variables.weights);
}

BOOST_AUTO_TEST_CASE(class_biases_start_where_the_config_says) {
  const auto net = predict({.class_prediction_bias_init = -4.6f});
  const auto bias = [&net](int output) {
    return net.variables[static_cast<std::size_t>(layer_of(net, output, 0).variables.biases)].init.mean;
  };
  BOOST_TEST(bias(odt::class_logits) == -4.6f);
  BOOST_TEST(bias(odt::box_encodings) == 0.0f);
}

BOOST_AUTO_TEST_CASE(encodings_are_clipped_and_classes_dropped_out_on_demand) {
  const auto net = predict({.use_dropout = true, .box_encodings_clip_range = {.min = -10.0f, .max = 10.0f}});
  const odt::layer& clipped = layer_of(net, odt::box_encodings, 1);
  BOOST_TEST((clipped.kind == odt::layer_kind::clamp));
  BOOST_TEST(clipped.function.low == -10.0f);
  BOOST_TEST(clipped.name == scope + "_1/clip_by_value");
  BOOST_TEST((net[layer_of(net, odt::class_logits, 1).inputs[0]].kind == odt::layer_kind::dropout));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_shared_is_refused) {
  BOOST_CHECK_THROW(predict({}, {3, 6}), odt::error);
  BOOST_CHECK_THROW(predict({}, {3, 3}, 16), odt::error);
  BOOST_CHECK_THROW(predict({.depth = 0}), odt::error);
  BOOST_CHECK_THROW(predict({.score_converter = {.sigmoid = true}}), odt::error);
  BOOST_CHECK_THROW(predict({.box_encodings_clip_range = {.min = -1.0f}}), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
