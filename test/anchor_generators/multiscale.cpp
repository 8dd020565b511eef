// SPDX-License-Identifier: MIT
#include <odt/anchor_generators/multiscale.hpp>

#include "anchor_generators/golden_anchors.hpp"

#include <array>

static_assert(odt::anchor_generator<odt::multiscale_anchor_generator>);

BOOST_AUTO_TEST_SUITE(multiscale_tests)

BOOST_AUTO_TEST_CASE(anchors_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/anchor_generators/multiscale")) {
  odt::test::check_golden_anchors<odt::multiscale_anchor_generator>("multiscale");
}

BOOST_AUTO_TEST_CASE(centers_are_shifted_where_the_stride_divides_the_side) {
  const odt::multiscale_anchor_generator one{
      {.min_level = 3, .max_level = 3, .anchor_scale = 1, .aspect_ratios = {1.0f}, .scales_per_octave = 1}};
  const auto first = one.generate(std::array{odt::size2{2, 2}}, {16, 12})[0];
  BOOST_TEST(first.ymin == 0.0f);
  BOOST_TEST(first.ymax == 0.5f);
  BOOST_TEST(first.xmax == 4.0f / 12);
}

BOOST_AUTO_TEST_CASE(options_that_do_not_fit_are_refused) {
  using generator = odt::multiscale_anchor_generator;
  BOOST_CHECK_THROW(generator::check({.min_level = 5, .max_level = 4}), odt::error);
  BOOST_CHECK_THROW(generator::check({.aspect_ratios = {}}), odt::error);
  BOOST_CHECK_THROW(generator::check({.aspect_ratios = {-1.0f}}), odt::error);
  BOOST_CHECK_THROW(generator::check({.scales_per_octave = 0}), odt::error);
  BOOST_CHECK_THROW(generator::check({.normalize_coordinates = false}), odt::error);
  BOOST_CHECK_THROW(generator{}.generate(std::array{odt::size2{2, 2}}, {64, 64}), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
