// SPDX-License-Identifier: MIT
#include <odt/core/recipe.hpp>

#include "raw_images.hpp"

#include <boost/test/unit_test.hpp>

namespace odt::test {
namespace {

std::vector<float> pixels_of(const picture& p) {
  const auto line = static_cast<std::size_t>(p.size().width) * 3;
  std::vector<float> all(line * static_cast<std::size_t>(p.size().height));
  for (int y = 0; y < p.size().height; ++y) p.read_row(y, all.data() + static_cast<std::size_t>(y) * line);
  return all;
}

BOOST_AUTO_TEST_SUITE(recipe_tests)

BOOST_AUTO_TEST_CASE(crops_in_front_leave_the_same_bits) {
  random_stream random(3);
  const image source = random_picture({13, 17}, random);
  int moved = 0;
  for (const recipe& steps : all_recipes(source.size())) {
    picture whole(source), part(source);
    follow(steps, whole);
    const cropped_recipe cropped = crop_first(steps, source.size());
    moved += cropped.window.size != source.size();
    part.crop(cropped.window.top, cropped.window.left, cropped.window.size);
    follow(cropped.rest, part);
    BOOST_REQUIRE((whole.size() == part.size()));
    BOOST_TEST(same_bits(pixels_of(whole), pixels_of(part)));
  }
  BOOST_TEST(moved == 3);
}

BOOST_AUTO_TEST_CASE(a_crop_moves_over_flips_and_colours_to_where_it_was_meant) {
  const recipe steps{color_op(pixel_op::kind::flip_horizontally, 0), color_op(pixel_op::kind::hue, 0.1f),
                     crop_op(1, 2, {5, 6}), color_op(pixel_op::kind::flip_vertically, 0), crop_op(1, 0, {3, 5})};
  const cropped_recipe cropped = crop_first(steps, {10, 20});
  BOOST_TEST((cropped.window == pixel_window{2, 13, {3, 5}}));
  BOOST_TEST(cropped.rest.size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_crop_stays_behind_a_mean_and_behind_padding) {
  for (const pixel_op& first : {color_op(pixel_op::kind::contrast, 1.1f), pad_op(1, 1, {8, 8}, {10, 10}, false)}) {
    const recipe steps{first, crop_op(0, 0, {4, 4})};
    BOOST_TEST((crop_first(steps, {8, 8}).window == pixel_window{0, 0, {8, 8}}));
    BOOST_TEST((crop_first(steps, {8, 8}).rest == steps));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
