// SPDX-License-Identifier: MIT
#include <odt/feature_extractors/mobilenet_v1_fpn.hpp>
#include <odt/feature_extractors/mobilenet_v1_ppn.hpp>
#include <odt/feature_extractors/mobilenet_v2.hpp>
#include <odt/feature_extractors/mobilenet_v2_fpn.hpp>
#include <odt/feature_extractors/resnet_v1_fpn.hpp>
#include <odt/feature_extractors/resnet_v1_ppn.hpp>
#include <odt/nn/shapes.hpp>

#include <boost/test/unit_test.hpp>

#include <vector>

namespace {

using shapes = std::vector<odt::shape3>;

template <class Extractor>
shapes map_shapes(const typename Extractor::options& o, odt::size2 size) {
  odt::network net;
  const auto maps = Extractor{o}.build(net, 0);
  const auto all = odt::shapes(net, size);
  shapes result;
  for (const int map : maps) result.push_back(all[static_cast<std::size_t>(map)]);
  return result;
}

// Networks are known at compile time.
template <class Extractor>
constexpr int finest_height(odt::size2 size) {
  odt::network net;
  const auto maps = Extractor{}.build(net, 0);
  const auto all = odt::shapes(net, size);
  return all[static_cast<std::size_t>(maps[0])].height;
}
static_assert(finest_height<odt::mobilenet_v2>({300, 300}) == 19);
static_assert(finest_height<odt::resnet50_v1_fpn>({640, 640}) == 80);

const shapes retina{{80, 80, 256}, {40, 40, 256}, {20, 20, 256}, {10, 10, 256}, {5, 5, 256}};

}  // namespace

BOOST_AUTO_TEST_SUITE(pyramids_tests)

BOOST_AUTO_TEST_CASE(mobilenet_v2_gives_six_maps) {
  const shapes expected{{19, 19, 576}, {10, 10, 1280}, {5, 5, 512}, {3, 3, 256}, {2, 2, 256}, {1, 1, 128}};
  BOOST_TEST((map_shapes<odt::mobilenet_v2>({}, {300, 300}) == expected));
}

BOOST_AUTO_TEST_CASE(feature_pyramids_give_levels_3_to_7) {
  BOOST_TEST((map_shapes<odt::resnet50_v1_fpn>({}, {640, 640}) == retina));
  BOOST_TEST((map_shapes<odt::mobilenet_v1_fpn>({}, {640, 640}) == retina));
  BOOST_TEST((map_shapes<odt::mobilenet_v2_fpn>({}, {640, 640}) == retina));
}

BOOST_AUTO_TEST_CASE(levels_and_depth_are_the_config_s) {
  const odt::fpn_extractor_options o{.depth_multiplier = 0.5f,
                                     .use_depthwise = true,
                                     .fpn = {.min_level = 4, .max_level = 6, .additional_layer_depth = 96},
                                     .conv_hyperparams = {}};
  const shapes expected{{20, 20, 48}, {10, 10, 48}, {5, 5, 48}};
  BOOST_TEST((map_shapes<odt::mobilenet_v1_fpn>(o, {320, 320}) == expected));
  BOOST_TEST((map_shapes<odt::mobilenet_v2_fpn>(o, {320, 320}) == expected));
}

BOOST_AUTO_TEST_CASE(separable_pyramids_stand_on_narrower_backbones) {
  const auto has = [](const odt::network& net, const char* name, std::vector<int> shape) {
    for (const odt::variable& v : net.variables)
      if (v.name == name) return v.shape == shape;
    return false;
  };
  const odt::fpn_extractor_options o{.use_depthwise = true};
  odt::network v1, v2;
  odt::mobilenet_v1_fpn{o}.build(v1, 0);
  odt::mobilenet_v2_fpn{o}.build(v2, 0);
  BOOST_TEST(has(v1, "FeatureExtractor/MobilenetV1/Conv2d_13_pointwise/weights", {1, 1, 512, 256}));
  BOOST_TEST(has(v2, "FeatureExtractor/MobilenetV2/Conv_1/weights", {1, 1, 320, 256}));
}

BOOST_AUTO_TEST_CASE(pooling_pyramids_halve_one_map) {
  const shapes expected{{19, 19, 512}, {10, 10, 512}, {5, 5, 512}, {3, 3, 512}, {2, 2, 512}, {1, 1, 512}};
  BOOST_TEST((map_shapes<odt::mobilenet_v1_ppn>({}, {300, 300}) == expected));
  const auto maps = map_shapes<odt::resnet50_v1_ppn>({.num_layers = 4, .conv_hyperparams = {}}, {320, 320});
  BOOST_TEST((maps == shapes{{20, 20, 1024}, {10, 10, 1024}, {5, 5, 1024}, {3, 3, 1024}}));
}

BOOST_AUTO_TEST_CASE(resnets_subtract_the_mean_and_keep_their_names) {
  BOOST_TEST((odt::resnet101_v1_fpn::pixels == odt::pixel_transform::subtract_mean()));
  BOOST_TEST(odt::resnet101_v1_fpn::name == "ssd_resnet101_v1_fpn");
  BOOST_TEST(odt::resnet152_v1_ppn::variable_scope == "resnet_v1_152");
}

BOOST_AUTO_TEST_CASE(what_has_no_effect_is_refused) {
  BOOST_CHECK_THROW((map_shapes<odt::resnet50_v1_fpn>({.use_explicit_padding = true}, {320, 320})), odt::error);
  BOOST_CHECK_THROW((map_shapes<odt::resnet50_v1_fpn>({.use_depthwise = true}, {320, 320})), odt::error);
  BOOST_CHECK_THROW((map_shapes<odt::mobilenet_v2_fpn>({.use_explicit_padding = true}, {320, 320})), odt::error);
  BOOST_CHECK_THROW((map_shapes<odt::resnet50_v1_ppn>({.depth_multiplier = 0.5f, .conv_hyperparams = {}}, {320, 320})),
                    odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
