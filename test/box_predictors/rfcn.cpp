// SPDX-License-Identifier: MIT
#include <odt/box_predictors/rfcn.hpp>
#include <odt/nn/shapes.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

namespace {

using odt::rfcn_box_predictor;
using options = rfcn_box_predictor::options;

static_assert(!rfcn_box_predictor::crops_first);

options some() {
  options o;
  o.conv.given = true;
  o.depth = 24;
  o.num_spatial_bins_height = 2, o.num_spatial_bins_width = 3;
  o.crop_height = 4, o.crop_width = 6;
  return o;
}

/// Why the options are refused; empty when they are not.
std::string refusal(const options& o) try {
  rfcn_box_predictor::check(o);
  return "";
} catch (const odt::error& e) {
  return e.what();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rfcn_tests)

BOOST_AUTO_TEST_CASE(every_bin_has_maps_of_its_own_for_every_column) {
  odt::network net;
  const int map = odt::convolve(net, 0, {.scope = "map", .channels = 32, .stride = 2}, {});
  const int boxes = net.regions({}, {2, 3}, "boxes");
  const auto heads = rfcn_box_predictor{some()}.build(net, {map, boxes}, 5);
  const auto shapes = odt::shapes(net, {64, 64});
  const auto check = [&](int head, int columns, std::string_view weights) {
    BOOST_TEST((shapes[static_cast<std::size_t>(head)] == odt::shape3{1, 1, columns, 3}));
    const odt::layer& crop = net[head];
    BOOST_TEST((crop.kind == odt::layer_kind::position_sensitive_crop));
    BOOST_TEST((crop.bins == odt::size2{2, 3}));
    BOOST_TEST((crop.crop == odt::size2{4, 6}));
    BOOST_TEST(crop.inputs[1] == boxes);
    const odt::layer& maps = net[crop.inputs[0]];
    BOOST_TEST(maps.channels == 2 * 3 * columns);
    BOOST_TEST(net.variables.at(static_cast<std::size_t>(maps.variables.weights)).name == weights);
    BOOST_TEST(maps.variables.biases >= 0);
  };
  check(heads.encodings, 5 * 4, "SecondStageBoxPredictor/refined_locations/weights");
  check(heads.logits, 6, "SecondStageBoxPredictor/class_predictions/weights");
  const int depth = net[net[heads.logits].inputs[0]].inputs[0];
  BOOST_TEST(net.channels(depth) == 24);
  BOOST_TEST(depth == net[net[heads.encodings].inputs[0]].inputs[0]);
}

BOOST_AUTO_TEST_CASE(there_are_no_masks_and_a_box_a_class) {
  BOOST_TEST(!rfcn_box_predictor{some()}.predicts_masks());
  BOOST_TEST(!rfcn_box_predictor{some()}.shares_boxes());
}

BOOST_AUTO_TEST_CASE(bins_that_do_not_divide_the_crop_are_refused) {
  BOOST_TEST(refusal(some()) == "");
  options o = some();
  o.crop_width = 7;
  BOOST_TEST(refusal(o) == "crop_height 4 and crop_width 7 have to be multiples of the 2x3 spatial bins");
  o = some(), o.num_spatial_bins_height = 3;
  BOOST_TEST(refusal(o) == "crop_height 4 and crop_width 6 have to be multiples of the 3x3 spatial bins");
  o.num_spatial_bins_height = 0;
  BOOST_TEST(refusal(o) == "crop_height 4 and crop_width 6 have to be multiples of the 0x3 spatial bins");
  o = some(), o.conv.given = false;
  BOOST_TEST(refusal(o) == "conv_hyperparams are missing");
}

BOOST_AUTO_TEST_SUITE_END()
