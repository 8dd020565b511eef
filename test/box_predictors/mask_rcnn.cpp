// SPDX-License-Identifier: MIT
#include <odt/box_predictors/mask_rcnn.hpp>
#include <odt/nn/shapes.hpp>

#include "scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

namespace {

using odt::test::says;

using odt::mask_rcnn_box_predictor;
using options = mask_rcnn_box_predictor::options;

static_assert(mask_rcnn_box_predictor::crops_first);

/// The heads, and masks where these are wanted, behind crops of 4x4 pixels and 32 channels.
struct built {
  odt::network net;
  odt::second_stage_heads heads;
  int masks = 0;

  explicit built(const options& o, int classes = 5) {
    const mask_rcnn_box_predictor predictor{o};
    const int map = odt::convolve(net, 0, {.scope = "map", .channels = 32, .stride = 2}, {});
    const int boxes = net.regions({}, {2, 3}, "boxes");
    const int crops = net.crop_and_resize(map, boxes, {4, 4}, "crops");
    heads = predictor.build(net, {crops, boxes}, classes);
    if (predictor.predicts_masks()) masks = predictor.build_masks(net, crops, classes);
  }

  odt::shape3 shape(int layer) const { return odt::shapes(net, {64, 64})[static_cast<std::size_t>(layer)]; }

  const odt::layer* find(std::string_view name) const {
    for (const odt::layer& l : net.layers)
      if (l.name == name) return &l;
    return nullptr;
  }

  std::string weights_of(int layer) const {
    return std::string(net.variables.at(static_cast<std::size_t>(net[layer].variables.weights)).name.view());
  }
};

options with_masks() {
  options o;
  o.predict_instance_masks = true;
  o.conv.given = true;
  o.mask_prediction_conv_depth = 16;
  return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mask_rcnn_tests)

BOOST_AUTO_TEST_CASE(a_crop_s_mean_gives_a_box_and_a_logit_a_class) {
  const built b(options{});
  BOOST_TEST((b.shape(b.heads.encodings) == odt::shape3{1, 1, 5 * 4, 3}));
  BOOST_TEST((b.shape(b.heads.logits) == odt::shape3{1, 1, 6, 3}));
  BOOST_TEST(b.weights_of(b.heads.encodings) == "SecondStageBoxPredictor/BoxEncodingPredictor/weights");
  BOOST_TEST(b.weights_of(b.heads.logits) == "SecondStageBoxPredictor/ClassPredictor/weights");
  BOOST_TEST((b.net[b.net[b.heads.logits].inputs[0]].kind == odt::layer_kind::global_pool));
}

BOOST_AUTO_TEST_CASE(classes_may_share_a_box) {
  options o;
  o.share_box_across_classes = true;
  const built b(o);
  BOOST_TEST(b.net.channels(b.heads.encodings) == 4);
  BOOST_TEST(mask_rcnn_box_predictor{o}.shares_boxes());
}

BOOST_AUTO_TEST_CASE(both_heads_are_dropped_out) {
  options o;
  o.use_dropout = true, o.dropout_keep_probability = 0.75f;
  const built b(o);
  for (const int head : {b.heads.encodings, b.heads.logits}) {
    const odt::layer& before = b.net[b.net[head].inputs[0]];
    BOOST_TEST((before.kind == odt::layer_kind::dropout));
    BOOST_TEST(before.dropout.keep_probability == 0.75f);
  }
}

BOOST_AUTO_TEST_CASE(masks_are_resized_features_behind_convolutions) {
  options o = with_masks();
  o.mask_height = 7, o.mask_width = 9, o.mask_prediction_num_conv_layers = 3;
  const built b(o);
  BOOST_TEST((b.shape(b.masks) == odt::shape3{7, 9, 5, 3}));
  BOOST_TEST(b.weights_of(b.masks) == "SecondStageBoxPredictor/Conv_2/weights");
  BOOST_TEST(b.net[b.masks].name == "SecondStageBoxPredictor_1/Conv_2/Conv2D");
  BOOST_TEST((b.find("SecondStageBoxPredictor_1/Conv_1/Conv2D") != nullptr));
  BOOST_TEST((b.find("SecondStageBoxPredictor_1/Conv_3/Conv2D") == nullptr));
  o.masks_are_class_agnostic = true;
  BOOST_TEST(built(o).net.channels(built(o).masks) == 1);
}

/// As in the API: log2 of the depth is (3 log2(classes) + 2 log2(features)) / 5, rounded.
BOOST_AUTO_TEST_CASE(a_depth_of_0_follows_from_features_and_classes) {
  options o = with_masks();
  o.mask_prediction_conv_depth = 0;
  const auto depth = [&o](int classes) {
    return built(o, classes).find("SecondStageBoxPredictor_1/Conv/Conv2D")->channels;
  };
  BOOST_TEST(depth(5) == 8);
  BOOST_TEST(depth(90) == 64);
}

BOOST_AUTO_TEST_CASE(masks_may_be_convolved_first_and_upsampled_then) {
  options o = with_masks();
  o.convolve_then_upsample_masks = true, o.mask_height = o.mask_width = 12;
  const built b(o);
  BOOST_TEST((b.shape(b.masks) == odt::shape3{12, 12, 5, 3}));
  BOOST_TEST(b.weights_of(b.masks) == "SecondStageBoxPredictor/Conv_2/weights");
  const odt::layer* const upsampled = b.find("SecondStageBoxPredictor_1/nearest_neighbor_upsampling/Reshape");
  BOOST_TEST_REQUIRE((upsampled != nullptr));
  BOOST_TEST(upsampled->multiplier == 3);
  BOOST_TEST((b.find("SecondStageBoxPredictor_1/ResizeBilinear") == nullptr));
}

BOOST_AUTO_TEST_CASE(masks_that_are_no_multiple_of_the_features_cannot_be_upsampled) {
  options o = with_masks();
  o.convolve_then_upsample_masks = true;
  const std::string advice = " are no multiple of the features' 4x4; write mask_height: 8 and mask_width: 8";
  BOOST_CHECK_EXCEPTION(built{o}, odt::error, says("masks of 15x15" + advice));
  o.mask_height = 8, o.mask_width = 12;
  BOOST_CHECK_EXCEPTION(built{o}, odt::error, says("masks of 8x12" + advice));
  o.mask_height = o.mask_width = 2;
  BOOST_CHECK_EXCEPTION(built{o}, odt::error, says("masks of 2x2" + advice));
}

BOOST_AUTO_TEST_CASE(options_that_cannot_be_are_refused) {
  options o;
  o.predict_keypoints = true;
  BOOST_CHECK_EXCEPTION(mask_rcnn_box_predictor::check(o), odt::error,
                        says("predict_keypoints: true is not available"));
  o = with_masks(), o.conv.given = false;
  BOOST_CHECK_EXCEPTION(mask_rcnn_box_predictor::check(o), odt::error, says("needs conv_hyperparams"));
  o = with_masks(), o.mask_prediction_num_conv_layers = 1;
  BOOST_CHECK_EXCEPTION(mask_rcnn_box_predictor::check(o), odt::error, says("at least 1x1 and 2 layers are needed"));
  o = with_masks(), o.mask_height = 0;
  BOOST_CHECK_EXCEPTION(mask_rcnn_box_predictor::check(o), odt::error, says("masks of 0x15 by 2 layers"));
}

BOOST_AUTO_TEST_SUITE_END()
