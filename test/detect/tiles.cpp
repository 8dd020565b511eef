// SPDX-License-Identifier: MIT
#include <odt/detect/tiles.hpp>

#include <odt/core/box.hpp>

#include <scratch.hpp>
#include <train/toy_detector.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <vector>

namespace {

using odt::boxf;
using odt::detection;
using odt::detections;
using odt::pixel_window;
using odt::window_detections;

constexpr odt::size2 picture{100, 180};
constexpr pixel_window whole{0, 0, {100, 180}}, left{0, 0, {100, 100}}, right{0, 80, {100, 100}};

/// A detection of the window whose box lies there in the picture, in pixels.
detection found(const pixel_window& w, boxf pixels, float score, int label = 0) {
  const auto height = static_cast<float>(w.size.height), width = static_cast<float>(w.size.width);
  const auto top = static_cast<float>(w.top), beginning = static_cast<float>(w.left);
  return {{(pixels.ymin - top) / height, (pixels.xmin - beginning) / width, (pixels.ymax - top) / height,
           (pixels.xmax - beginning) / width},
          label,
          score};
}

void check_box(const detection& d, boxf pixels) {
  BOOST_CHECK_SMALL(d.bounds.ymin * 100 - pixels.ymin, 1e-3f);
  BOOST_CHECK_SMALL(d.bounds.xmin * 180 - pixels.xmin, 1e-3f);
  BOOST_CHECK_SMALL(d.bounds.ymax * 100 - pixels.ymax, 1e-3f);
  BOOST_CHECK_SMALL(d.bounds.xmax * 180 - pixels.xmax, 1e-3f);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tiles_tests)

BOOST_AUTO_TEST_CASE(tiles_are_spread_evenly_over_the_picture) {
  const auto tiles = odt::tiles_of({100, 250}, {.size = 100, .overlap = 0.2});
  const std::vector<pixel_window> expected{{0, 0, {100, 100}}, {0, 75, {100, 100}}, {0, 150, {100, 100}}};
  BOOST_TEST((tiles == expected));
}

BOOST_AUTO_TEST_CASE(tiles_cover_every_pixel_and_overlap_enough) {
  for (const odt::size2 size : {odt::size2{640, 640}, {641, 1000}, {3000, 4000}, {50, 2000}}) {
    const auto tiles = odt::tiles_of(size, {.size = 640, .overlap = 0.25});
    BOOST_TEST((tiles.front().top == 0 && tiles.front().left == 0));
    BOOST_TEST(tiles.back().top + tiles.back().size.height == size.height);
    BOOST_TEST(tiles.back().left + tiles.back().size.width == size.width);
    for (std::size_t i = 1; i < tiles.size(); ++i) {
      if (tiles[i].top == tiles[i - 1].top) BOOST_TEST(tiles[i].left - tiles[i - 1].left <= 480);
      BOOST_TEST(tiles[i].top - tiles[i - 1].top <= 480);
    }
  }
}

BOOST_AUTO_TEST_CASE(tiles_that_cannot_be_cut_are_refused) {
  odt::test::check_error([] { odt::tiles_of({10, 10}, {.size = 0}); }, {"tiles of 0 pixels", "positive size"});
  odt::test::check_error([] { odt::tiles_of({10, 10}, {.size = 5, .overlap = 1}); }, {"overlap by 1"});
}

BOOST_AUTO_TEST_CASE(an_object_that_two_windows_see_is_one) {
  const boxf object{20, 82, 60, 98}, nearly{21, 83, 61, 98};
  const detections all = odt::merge_windows(
      picture, {{whole, {found(whole, nearly, 0.5f)}}, {left, {found(left, object, 0.9f)}}, {right, {}}});
  BOOST_TEST_REQUIRE(all.size() == 1u);
  BOOST_TEST(all[0].score == 0.9f);
  check_box(all[0], object);
}

BOOST_AUTO_TEST_CASE(the_halves_of_an_object_are_joined) {
  const detections all = odt::merge_windows(
      picture, {{left, {found(left, {20, 70, 60, 100}, 0.6f)}}, {right, {found(right, {20, 80, 60, 130}, 0.8f)}}});
  BOOST_TEST_REQUIRE(all.size() == 1u);
  BOOST_TEST(all[0].score == 0.8f);
  check_box(all[0], {20, 70, 60, 130});
}

BOOST_AUTO_TEST_CASE(what_lies_within_a_whole_object_is_another) {
  const detections all = odt::merge_windows(
      picture, {{whole, {found(whole, {10, 10, 90, 170}, 0.9f)}}, {left, {found(left, {30, 30, 50, 50}, 0.7f)}}});
  BOOST_TEST(all.size() == 2u);
}

BOOST_AUTO_TEST_CASE(other_classes_and_what_one_window_tells_apart_stay) {
  const boxf object{20, 82, 60, 98};
  const detections all = odt::merge_windows(
      picture,
      {{left, {found(left, object, 0.9f, 0), found(left, object, 0.8f, 0)}}, {right, {found(right, object, 0.7f, 1)}}});
  BOOST_TEST_REQUIRE(all.size() == 3u);
  BOOST_TEST(all[2].label == 1);
}

BOOST_AUTO_TEST_CASE(masks_stay_with_their_boxes) {
  detection half = found(right, {20, 80, 60, 130}, 0.8f);
  half.mask = odt::float_image(1, 1, 1);
  const detections all = odt::merge_windows(picture, {{left, {found(left, {20, 70, 60, 100}, 0.6f)}}, {right, {half}}});
  BOOST_TEST_REQUIRE(all.size() == 1u);
  check_box(all[0], {20, 80, 60, 130});
}

BOOST_AUTO_TEST_CASE(the_whole_picture_and_each_tile_are_looked_at) {
  struct counting_detector final : odt::test::toy_detector {
    detections detect(const odt::image& seen) override {
      sizes.push_back(seen.size());
      corners.push_back(seen.pixels[0]);
      return {};
    }
    std::vector<odt::size2> sizes;
    std::vector<int> corners;
  } model;
  odt::image large(40, 70);
  for (int x = 0; x < 70; ++x) *large.at(0, x) = static_cast<std::uint8_t>(x);
  odt::detect_in_tiles(model, large, {.size = 40, .overlap = 0.25});
  BOOST_TEST((model.sizes == std::vector<odt::size2>{{40, 70}, {40, 40}, {40, 40}}));
  BOOST_TEST((model.corners == std::vector<int>{0, 0, 30}));
  model.sizes.clear();
  odt::detect_in_tiles(model, odt::image(30, 40), {.size = 40});
  BOOST_TEST(model.sizes.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
