// SPDX-License-Identifier: MIT
#include <odt/anchor_generators/grid.hpp>

#include "anchor_generators/golden_anchors.hpp"

#include <array>

static_assert(odt::anchor_generator<odt::grid_anchor_generator>);

BOOST_AUTO_TEST_SUITE(grid_tests)

BOOST_AUTO_TEST_CASE(anchors_are_the_api_s, *odt::test::needs(odt::test::golden() / "units/anchor_generators/grid")) {
  odt::test::check_golden_anchors<odt::grid_anchor_generator>("grid");
}

BOOST_AUTO_TEST_CASE(anchors_are_in_pixels_about_the_cells_first_corner) {
  const odt::grid_anchor_generator one{{.scales = {0.5f}, .aspect_ratios = {1.0f}}};
  const auto anchors = one.generate(std::array{odt::size2{1, 2}}, {600, 1024});
  BOOST_REQUIRE_EQUAL(anchors.size(), 2u);
  BOOST_TEST(anchors[1].xmin == 16 - 64);
  BOOST_TEST(anchors[1].ymax == 64);
}

BOOST_AUTO_TEST_CASE(options_without_anchors_are_refused) {
  using generator = odt::grid_anchor_generator;
  BOOST_CHECK_THROW(generator::check({.scales = {}}), odt::error);
  BOOST_CHECK_THROW(generator::check({.aspect_ratios = {1.0f, 0.0f}}), odt::error);
  BOOST_CHECK_THROW(generator{}.generate(std::array{odt::size2{2, 2}, odt::size2{1, 1}}, {64, 64}), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
