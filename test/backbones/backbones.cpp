// SPDX-License-Identifier: MIT
#include <odt/backbones/inception_v2.hpp>
#include <odt/backbones/mobilenet_v1.hpp>
#include <odt/backbones/mobilenet_v2.hpp>
#include <odt/backbones/resnet_v1.hpp>
#include <odt/nn/shapes.hpp>

#include <boost/test/unit_test.hpp>

#include <initializer_list>
#include <string_view>

namespace backbones = odt::backbones;

namespace {

odt::backbone_spec spec() { return {.variables = "v", .operations = "o", .override_with = odt::hyperparams{}}; }

odt::shape3 at(const odt::network& net, const odt::endpoints& ends, std::string_view name, odt::size2 size) {
  return odt::shapes(net, size)[static_cast<std::size_t>(ends.at(name))];
}

const odt::layer& named(const odt::network& net, std::string_view name) {
  for (const odt::layer& l : net.layers)
    if (l.name == name) return l;
  odt::fail("there is no layer ", name);
}

const odt::variable& variable_named(const odt::network& net, std::string_view name) {
  for (const odt::variable& v : net.variables)
    if (v.name == name) return v;
  odt::fail("there is no variable ", name);
}

/// A convolution alone, without batch norm and activation.
bool is_sum(const odt::layer& l) { return l.kind == odt::layer_kind::add; }

}  // namespace

BOOST_AUTO_TEST_SUITE(backbones_tests)

BOOST_AUTO_TEST_CASE(strides_double_from_level_to_level) {
  odt::network v1, v2, resnet, inception;
  const auto a = backbones::mobilenet_v1(v1, 0, spec());
  const auto b = backbones::mobilenet_v2(v2, 0, spec());
  const auto c = backbones::resnet_v1(resnet, 0, spec(), {3, 4, 6, 3}, backbones::subsampling::behind_block);
  const auto d = backbones::inception_v2(inception, 0, spec());
  const odt::size2 size{320, 256};
  BOOST_TEST((at(v1, a, "Conv2d_3_pointwise", size) == odt::shape3{80, 64, 128}));
  BOOST_TEST((at(v1, a, "Conv2d_13_pointwise", size) == odt::shape3{10, 8, 1024}));
  BOOST_TEST((at(v2, b, "layer_4", size) == odt::shape3{80, 64, 24}));
  BOOST_TEST((at(v2, b, "layer_15/expansion_output", size) == odt::shape3{20, 16, 576}));
  BOOST_TEST((at(v2, b, "layer_19", size) == odt::shape3{10, 8, 1280}));
  BOOST_TEST((at(resnet, c, "block1", size) == odt::shape3{80, 64, 256}));
  BOOST_TEST((at(resnet, c, "block4", size) == odt::shape3{10, 8, 2048}));
  BOOST_TEST((at(inception, d, "Mixed_4e", size) == odt::shape3{20, 16, 576}));
  BOOST_CHECK_THROW(a.at("Conv2d_14_pointwise"), odt::error);
}

BOOST_AUTO_TEST_CASE(a_block_halves_in_its_last_unit_or_behind_it) {
  odt::network net;
  const auto ends = backbones::resnet_v1(net, 0, spec(), {1, 2, 1, 1}, backbones::subsampling::in_last_unit);
  BOOST_TEST((at(net, ends, "block2", {64, 64}) == odt::shape3{4, 4, 512}));
  const odt::layer& strided = named(net, "o/block2/unit_2/bottleneck_v1/conv2/Conv2D");
  BOOST_TEST(strided.stride == 2);
  BOOST_TEST((strided.border == odt::padding::fixed));
  const odt::layer& shortcut = named(net, "o/block2/unit_2/bottleneck_v1/shortcut/MaxPool");
  BOOST_TEST(shortcut.kernel_height == 1);
  BOOST_TEST(shortcut.stride == 2);
  BOOST_TEST(named(net, "o/block1/unit_1/bottleneck_v1/shortcut/Conv2D").stride == 2);

  odt::network other;
  backbones::resnet_v1(other, 0, spec(), {1, 2, 1, 1}, backbones::subsampling::behind_block);
  BOOST_TEST(named(other, "o/block2/unit_2/bottleneck_v1/conv2/Conv2D").stride == 1);
  BOOST_TEST(named(other, "o/block2/MaxPool2D/MaxPool").stride == 2);
}

BOOST_AUTO_TEST_CASE(a_resnet_keeps_its_norms_whatever_overrides_the_rest) {
  odt::backbone_spec s = spec();
  s.override_with->norm = {.decay = 0.5f, .epsilon = 0.5f, .train = false};
  s.override_with->act = odt::activation::relu_6;
  odt::network net;
  backbones::resnet_v1(net, 0, s, {1, 1, 1, 1}, backbones::subsampling::behind_block);
  const odt::layer& norm = named(net, "o/conv1/BatchNorm/FusedBatchNormV3");
  BOOST_TEST(norm.norm.decay == 0.997f);
  BOOST_TEST(norm.norm.epsilon == 1e-5f);
  BOOST_TEST(norm.norm.scale);
  BOOST_TEST(!norm.norm.train);
  BOOST_TEST(!norm.norm.freezable);
  BOOST_TEST(named(net, "o/conv1/Relu6").function.high == 6);
  BOOST_TEST(named(net, "o/block1/unit_1/bottleneck_v1/Relu").function.high > 1e30f);

  odt::network own;
  s.override_with.reset();
  backbones::resnet_v1(own, 0, s, {1, 1, 1, 1}, backbones::subsampling::behind_block);
  BOOST_TEST(named(own, "o/conv1/BatchNorm/FusedBatchNormV3").norm.freezable);
  BOOST_TEST(variable_named(own, "v/conv1/weights").penalty.weight == 1e-4f);
}

BOOST_AUTO_TEST_CASE(inverted_residuals_add_their_input_where_sizes_allow) {
  odt::network net;
  backbones::mobilenet_v2(net, 0, spec());
  BOOST_TEST(std::ranges::count_if(net.layers, is_sum) == 10);
  BOOST_TEST(named(net, "o/expanded_conv_2/add").channels == 24);
  BOOST_TEST(net.channels(named(net, "o/expanded_conv/depthwise/depthwise").inputs[0]) == 32);  // not widened
}

BOOST_AUTO_TEST_CASE(mobilenet_v2_s_own_depthwise_weights_are_not_regularized) {
  odt::backbone_spec s = spec();
  s.override_with.reset();
  odt::network own, overridden;
  backbones::mobilenet_v2(own, 0, s);
  backbones::mobilenet_v2(overridden, 0, spec());
  const auto kind = [](const odt::network& net, std::string_view name) {
    return variable_named(net, name).penalty.kind;
  };
  BOOST_TEST((kind(own, "v/expanded_conv/depthwise/depthwise_weights") == odt::penalty_kind::none));
  BOOST_TEST((kind(own, "v/expanded_conv/project/weights") == odt::penalty_kind::l2));
  BOOST_TEST((kind(overridden, "v/expanded_conv/depthwise/depthwise_weights") == odt::penalty_kind::l2));
}

BOOST_AUTO_TEST_CASE(mobilenet_v2_keeps_clamp_centre_and_scale) {
  odt::backbone_spec s = spec();
  s.override_with->act = odt::activation::none;
  s.override_with->norm = {.decay = 0.5f, .center = false, .scale = false};
  odt::network net;
  backbones::mobilenet_v2(net, 0, s);
  const odt::layer& norm = named(net, "o/Conv/BatchNorm/FusedBatchNormV3");
  BOOST_TEST(norm.norm.decay == 0.5f);
  BOOST_TEST(norm.norm.center);
  BOOST_TEST(norm.norm.scale);
  BOOST_TEST(named(net, "o/Conv/Relu6").function.high == 6);
}

BOOST_AUTO_TEST_CASE(a_narrower_network_has_fewer_channels_of_eight_each) {
  odt::backbone_spec s = spec();
  s.depth_multiplier = 0.35f;
  s.min_depth = 8;
  odt::network net;
  const auto ends = backbones::mobilenet_v2(net, 0, s);
  BOOST_TEST(net.channels(ends.at("layer_1")) == 16);
  BOOST_TEST(net.channels(ends.at("layer_2")) == 8);
  BOOST_TEST(net.channels(ends.at("layer_19")) == 448);
}

BOOST_AUTO_TEST_CASE(other_sizes_of_resnet_are_refused) {
  BOOST_CHECK_THROW(backbones::resnet_v1_units(34), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
