// SPDX-License-Identifier: MIT
#include <odt/feature_extractors/mobilenet_v1.hpp>
#include <odt/nn/shapes.hpp>

#include <boost/test/unit_test.hpp>

namespace {

struct no_extractor {
  static constexpr std::string_view name = "no_extractor";
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
};
static_assert(odt::feature_extractor<odt::mobilenet_v1>);
static_assert(!odt::feature_extractor<no_extractor>);

std::vector<odt::shape3> map_shapes(const odt::mobilenet_v1::options& o, odt::size2 size) {
  odt::network net;
  const auto maps = odt::mobilenet_v1{o}.build(net, 0);
  const auto all = odt::shapes(net, size);
  std::vector<odt::shape3> result;
  for (const int map : maps) result.push_back(all[static_cast<std::size_t>(map)]);
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mobilenet_v1_tests)

BOOST_AUTO_TEST_CASE(six_feature_maps_come_out) {
  const std::vector<odt::shape3> expected{{19, 19, 512}, {10, 10, 1024}, {5, 5, 512},
                                          {3, 3, 256},   {2, 2, 256},    {1, 1, 128}};
  BOOST_TEST((map_shapes({}, {300, 300}) == expected));
}

BOOST_AUTO_TEST_CASE(explicit_padding_keeps_the_sizes_of_even_images) {
  BOOST_TEST(
      (map_shapes({.use_explicit_padding = true, .conv_hyperparams = {}}, {320, 320}) == map_shapes({}, {320, 320})));
}

BOOST_AUTO_TEST_CASE(depth_never_falls_below_min_depth) {
  for (const auto& map : map_shapes({.depth_multiplier = 0.01f, .min_depth = 8, .conv_hyperparams = {}}, {300, 300}))
    BOOST_TEST(map.channels >= 8);
}

BOOST_AUTO_TEST_CASE(images_are_padded_to_a_multiple) {
  const auto maps = map_shapes({.pad_to_multiple = 32, .conv_hyperparams = {}}, {300, 310});
  BOOST_TEST(maps[0].height == 20);
  BOOST_TEST(maps[0].width == 20);
}

BOOST_AUTO_TEST_CASE(the_base_keeps_its_own_hyperparameters_unless_they_are_overridden) {
  odt::mobilenet_v1::options o;
  o.conv_hyperparams.norm.decay = 0.5f;
  o.override_base_feature_extractor_hyperparams = false;
  odt::network net;
  odt::mobilenet_v1{o}.build(net, 0);
  BOOST_TEST(net[2].norm.decay == 0.9997f);
  BOOST_TEST(net[net.size() - 2].norm.decay == 0.5f);
}

BOOST_AUTO_TEST_SUITE_END()
