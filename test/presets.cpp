// SPDX-License-Identifier: MIT
#include <odt/presets.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string_view>

namespace {

using retina =
    odt::ssd<odt::resnet50_v1_fpn, odt::faster_rcnn_box_coder, odt::argmax_matcher, odt::momentum,
             odt::ssd_losses<odt::weighted_sigmoid_focal>,
             odt::ssd_layout<odt::weight_shared_convolutional_box_predictor, odt::multiscale_anchor_generator>>;
static_assert(retina::anchor_count({640, 640}) == 51150);
static_assert(retina::parameter_count() == 32840570);
static_assert(odt::ssd<odt::mobilenet_v2>::anchor_count({300, 300}) == 1917);
static_assert(odt::presets::any_ssd::anchor_count({300, 300}) == 1917);

}  // namespace

BOOST_AUTO_TEST_SUITE(presets_tests)

BOOST_AUTO_TEST_CASE(the_largest_program_has_every_extractor_once) {
  auto names = odt::names_of<odt::presets::ssd_feature_extractors>;
  for (const std::string_view name : names) BOOST_TEST(name.starts_with("ssd_"));
  std::ranges::sort(names);
  BOOST_TEST((std::ranges::adjacent_find(names) == names.end()));
  BOOST_TEST(std::ranges::binary_search(names, "ssd_resnet152_v1_fpn"));
}

BOOST_AUTO_TEST_SUITE_END()
