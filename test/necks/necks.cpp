// SPDX-License-Identifier: MIT
#include <odt/necks/fpn.hpp>
#include <odt/necks/multi_resolution.hpp>
#include <odt/necks/ppn.hpp>
#include <odt/nn/shapes.hpp>

#include <boost/test/unit_test.hpp>

#include <string_view>
#include <vector>

namespace necks = odt::necks;

namespace {

/// Four layers of strides 4 to 32.
necks::base_levels base(odt::network& net) {
  necks::base_levels levels{};
  int x = odt::convolve(net, 0, {.scope = "stem", .channels = 8, .kernel = 3, .stride = 2}, {});
  for (int& level : levels) {
    const odt::graph_name name = "level" + odt::decimal(net.size());
    level = x = odt::convolve(net, x, {.scope = name, .channels = 8, .kernel = 3, .stride = 2}, {});
  }
  return levels;
}

std::vector<int> heights(const odt::network& net, const odt::feature_maps& maps, odt::size2 size) {
  const auto all = odt::shapes(net, size);
  std::vector<int> result;
  for (const int map : maps) result.push_back(all[static_cast<std::size_t>(map)].height);
  return result;
}

bool has_layer(const odt::network& net, std::string_view name) {
  return std::ranges::any_of(net.layers, [name](const odt::layer& l) { return l.name == name; });
}
bool has_variable(const odt::network& net, std::string_view name) {
  return std::ranges::any_of(net.variables, [name](const odt::variable& v) { return v.name == name; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(necks_tests)

BOOST_AUTO_TEST_CASE(a_pyramid_has_the_levels_that_are_asked_for) {
  const auto levels = [](int low, int high, odt::size2 size) {
    odt::network net;
    const auto maps = necks::fpn(
        net, base(net), {.scope = "fpn", .coarse_prefix = "c", .min_level = low, .max_level = high, .depth = 16}, {});
    for (const int map : maps) BOOST_TEST(net.channels(map) == 16);
    return heights(net, maps, size);
  };
  BOOST_TEST((levels(3, 7, {256, 256}) == std::vector{32, 16, 8, 4, 2}));
  BOOST_TEST((levels(2, 4, {256, 256}) == std::vector{64, 32, 16}));
  BOOST_TEST((levels(5, 6, {256, 256}) == std::vector{8, 4}));
  BOOST_TEST((levels(3, 5, {300, 300}) == std::vector{38, 19, 10}));  // what is enlarged too far is cut
  BOOST_CHECK_THROW(levels(1, 5, {256, 256}), odt::error);
  BOOST_CHECK_THROW(levels(4, 3, {256, 256}), odt::error);
  BOOST_CHECK_THROW(levels(2, 10, {256, 256}), odt::error);
}

BOOST_AUTO_TEST_CASE(names_are_counted_from_the_finest_level) {
  odt::network net;
  necks::fpn(net, base(net), {.scope = "fpn", .coarse_prefix = "up_", .coarse_number = 14, .min_level = 4}, {});
  BOOST_TEST(has_variable(net, "fpn/projection_2/biases"));
  BOOST_TEST(has_variable(net, "fpn/smoothing_1/weights"));
  BOOST_TEST(!has_variable(net, "fpn/smoothing_2/weights"));
  BOOST_TEST(has_variable(net, "fpn/up_15/weights"));
  BOOST_TEST(has_layer(net, "fpn/top_down/add"));
  BOOST_TEST(!has_layer(net, "fpn/top_down/add_1"));
}

BOOST_AUTO_TEST_CASE(sums_are_enlarged_before_they_are_smoothed) {
  odt::network net;
  necks::fpn(net, base(net), {.scope = "fpn", .coarse_prefix = "c"}, {});
  int sums = 0;
  for (const odt::layer& l : net.layers) {
    if (l.kind != odt::layer_kind::upsample) continue;
    const odt::layer& below = net[l.inputs[0]];
    BOOST_TEST((below.kind == odt::layer_kind::add || below.name == "fpn/top_down/projection_3/BiasAdd"));
    ++sums;
  }
  BOOST_TEST(sums == 2);
}

BOOST_AUTO_TEST_CASE(a_separable_pyramid_projects_densely) {
  odt::network net;
  necks::fpn(net, base(net), {.scope = "fpn", .coarse_prefix = "c", .use_depthwise = true}, {});
  BOOST_TEST(has_variable(net, "fpn/projection_1/weights"));
  BOOST_TEST(has_variable(net, "fpn/smoothing_1/depthwise_weights"));
  BOOST_TEST(has_variable(net, "fpn/smoothing_1/pointwise_weights"));
  BOOST_TEST(has_variable(net, "fpn/smoothing_1/BatchNorm/gamma"));
  BOOST_TEST(has_layer(net, "fpn/top_down/smoothing_1/separable_conv2d/depthwise"));
}

BOOST_AUTO_TEST_CASE(convolutions_without_a_norm_have_biases) {
  odt::network net;
  odt::hyperparams h;
  h.has_batch_norm = false;
  necks::fpn(net, base(net), {.scope = "fpn", .coarse_prefix = "c"}, h);
  BOOST_TEST(has_variable(net, "fpn/smoothing_1/biases"));
}

BOOST_AUTO_TEST_CASE(a_pooling_pyramid_has_no_weights_but_a_projection) {
  odt::network net;
  const auto maps = necks::ppn(net, 0, {.scope = "s", .num_layers = 4}, {});
  BOOST_TEST((heights(net, maps, {19, 19}) == std::vector{19, 10, 5, 3}));
  BOOST_TEST(net.variables.empty());

  odt::network projected;
  const auto wide = necks::ppn(projected, 0, {.scope = "s", .base_depth = 32, .num_layers = 2}, {});
  BOOST_TEST(projected.channels(wide[1]) == 32);
  BOOST_TEST(has_variable(projected, "s/Base_Conv2d_1x1_32/weights"));
}

BOOST_AUTO_TEST_CASE(extra_layers_continue_the_last_map) {
  odt::network net;
  const auto levels = base(net);
  const auto maps =
      necks::multi_resolution(net, {levels[2], levels[3]}, {.scope = "s", .base_layer = "top", .num_layers = 4}, {});
  BOOST_TEST((heights(net, maps, {320, 320}) == std::vector{20, 10, 5, 3}));
  BOOST_TEST(has_variable(net, "s/top_2_Conv2d_2_3x3_s2_512/weights"));
  BOOST_TEST(has_variable(net, "s/top_1_Conv2d_3_1x1_128/weights"));
}

BOOST_AUTO_TEST_SUITE_END()
