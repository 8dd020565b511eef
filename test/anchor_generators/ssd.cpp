// SPDX-License-Identifier: MIT
#include <odt/anchor_generators/ssd.hpp>

#include "anchor_generators/golden_anchors.hpp"

namespace {

struct conforming {
  static constexpr std::string_view name = "one_anchor_generator";
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
  constexpr int num_layers() const { return 1; }
  constexpr int boxes_per_cell(int) const { return 1; }
  std::vector<odt::boxf> generate(std::span<const odt::size2>, odt::size2) const { return {{0, 0, 1, 1}}; }
};

struct unknown_count : conforming {
  void boxes_per_cell(int) const {}
};

static_assert(odt::anchor_generator<conforming>);
static_assert(!odt::anchor_generator<unknown_count>);
static_assert(!odt::anchor_generator<int>);
static_assert(odt::anchor_generator<odt::ssd_anchor_generator>);

constexpr odt::size2 maps300[] = {{19, 19}, {10, 10}, {5, 5}, {3, 3}, {2, 2}, {1, 1}};

}  // namespace

BOOST_AUTO_TEST_SUITE(ssd_tests)

BOOST_AUTO_TEST_CASE(anchors_are_the_api_s, *odt::test::needs(odt::test::golden() / "units/anchor_generators/ssd")) {
  odt::test::check_golden_anchors<odt::ssd_anchor_generator>("ssd");
}

BOOST_AUTO_TEST_CASE(the_sample_config_gives_1917_anchors) {
  constexpr odt::ssd_anchor_generator generator;
  static_assert(odt::anchor_count(generator, maps300) == 1917);
  static_assert(generator.boxes_per_cell(0) == 3 && generator.boxes_per_cell(5) == 6);
  const auto anchors = generator.generate(maps300, {300, 300});
  BOOST_REQUIRE_EQUAL(anchors.size(), 1917u);
  const float half = 0.5f / 19, small = 0.05f;
  BOOST_TEST(anchors[0].ymin == half - small, boost::test_tools::tolerance(1e-6f));
  BOOST_TEST(anchors[0].xmax == half + small, boost::test_tools::tolerance(1e-6f));
  // The last anchor: around the middle, sqrt(0.95 * 1.0) wide.
  BOOST_TEST(odt::width(anchors.back()) == 0.97467943f, boost::test_tools::tolerance(1e-6f));
}

BOOST_AUTO_TEST_CASE(lists_that_do_not_fit_are_refused) {
  using generator = odt::ssd_anchor_generator;
  BOOST_CHECK_THROW(generator::check({.num_layers = 0}), odt::error);
  BOOST_CHECK_THROW(generator::check({.num_layers = 3, .scales = {.1f, .2f}}), odt::error);
  BOOST_CHECK_THROW(generator::check({.num_layers = 2, .height_stride = {1, 2}}), odt::error);
  BOOST_CHECK_THROW(generator::check({.aspect_ratios = {1.f, 0.f}}), odt::error);
  BOOST_CHECK_THROW(generator{}.generate(std::span(maps300).first(5), {300, 300}), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
