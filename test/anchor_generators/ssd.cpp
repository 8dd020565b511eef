// SPDX-License-Identifier: MIT
#include <odt/anchor_generators/ssd.hpp>
#include <odt/core/settings.hpp>

#include <golden.hpp>

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

template <class List>
void assign(List& list, const odt::test::json& values) {
  list.clear();
  for (const auto& value : values) list.push_back(value.get<typename List::value_type>());
}

odt::ssd_anchor_generator::options read(const odt::test::json& params) {
  odt::ssd_anchor_generator::options o;
  o.fields(o, [&params](std::string_view name, auto& member) {
    const auto& value = params.at(std::string(name));
    if constexpr (requires { member.clear(); })
      assign(member, value);
    else
      member = value.get<std::remove_reference_t<decltype(member)>>();
  });
  return o;
}

constexpr odt::size2 maps300[] = {{19, 19}, {10, 10}, {5, 5}, {3, 3}, {2, 2}, {1, 1}};

}  // namespace

BOOST_AUTO_TEST_SUITE(ssd_tests)

BOOST_AUTO_TEST_CASE(anchors_are_the_api_s, *odt::test::needs(odt::test::golden() / "units/anchor_generators/ssd")) {
  for (const auto& c : odt::test::golden_cases("anchor_generators/ssd")) {
    const odt::ssd_anchor_generator generator{read(c.params())};
    const auto shapes = c.in("feature_map_shapes");
    std::vector<odt::size2> maps;
    for (std::size_t i = 0; i < shapes.size(); i += 2)
      maps.push_back({static_cast<int>(shapes[i]), static_cast<int>(shapes[i + 1])});
    const odt::size2 image{static_cast<int>(c.in("image_height")[0]), static_cast<int>(c.in("image_width")[0])};
    std::vector<int> per_cell, per_layer;
    for (int layer = 0; layer < generator.num_layers(); ++layer) {
      const odt::size2 map = maps[static_cast<std::size_t>(layer)];
      per_cell.push_back(generator.boxes_per_cell(layer));
      per_layer.push_back(map.height * map.width * per_cell.back());
    }
    odt::test::check_close(per_cell, c.out("num_anchors_per_location"), c, "per cell");
    odt::test::check_close(per_layer, c.out("num_anchors_per_layer"), c, "per layer");
    const auto anchors = generator.generate(maps, image);
    BOOST_TEST(anchors.size() == static_cast<std::size_t>(odt::anchor_count(generator, maps)));
    BOOST_TEST(static_cast<double>(anchors.size()) == c.out("num_anchors")[0]);
    std::vector<float> flat;
    for (const auto& a : anchors) flat.insert(flat.end(), {a.ymin, a.xmin, a.ymax, a.xmax});
    if (c.has_out("boxes")) odt::test::check_close(flat, c.out("boxes"), c, "boxes");
    if (c.has_out("sample_indices")) {
      std::vector<float> sample;
      for (const int i : c.out("sample_indices").as<int>())
        sample.insert(sample.end(), flat.begin() + 4 * i, flat.begin() + 4 * i + 4);
      odt::test::check_close(sample, c.out("sample_boxes"), c, "sample");
    }
  }
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
