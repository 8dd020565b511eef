// SPDX-License-Identifier: MIT
#include <odt/core/mask_map.hpp>

#include "raw_images.hpp"

#include <boost/test/unit_test.hpp>

namespace odt::test {
namespace {

BOOST_AUTO_TEST_SUITE(mask_map_tests)

BOOST_AUTO_TEST_CASE(masks_move_as_their_picture_does) {
  // A picture whose colour is its mask, made the network's input by nearest neighbour in black.
  random_stream random(5);
  const size2 size{13, 17};
  image mask(size.height, size.width, 1), picture_of_it(size.height, size.width, 3);
  for (std::size_t i = 0; i < mask.pixels.size(); ++i) {
    mask.pixels[i] = static_cast<std::uint8_t>(random.integer(0, 2));
    std::fill_n(picture_of_it.pixels.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, mask.pixels[i]);
  }
  for (recipe steps : all_recipes(size)) {
    std::erase_if(steps, [](const pixel_op& op) { return op.what >= pixel_op::kind::brightness; });
    for (pixel_op& op : steps) op.mean_color = false, op.color = {};
    picture pixels(picture_of_it);
    follow(steps, pixels);
    const auto resizer = image_resizer::keep_aspect_ratio(9, 20, true, resize_method::nearest_neighbor);
    std::vector<float> expected(20 * 20 * 3);
    resize_scratch scratch;
    const size2 inner = resize(resizer, {}, pixels, expected.data(), scratch);
    image moved;
    move_mask(map_masks(steps, size, inner, {20, 20}), mask, moved);
    BOOST_TEST((moved.size() == size2{20, 20}));
    for (std::size_t i = 0; i < moved.pixels.size(); ++i) BOOST_REQUIRE(moved.pixels[i] == expected[3 * i]);
  }
}

BOOST_AUTO_TEST_CASE(a_buffer_is_used_again) {
  image mask(1, 2, 1), out(5, 5, 3);
  mask.pixels = {0, 1};
  std::ranges::fill(out.pixels, std::uint8_t{7});
  move_mask(map_masks({color_op(pixel_op::kind::flip_horizontally, 0)}, {1, 2}, {1, 4}, {2, 5}), mask, out);
  BOOST_TEST((out.size() == size2{2, 5} && out.channels == 1));
  BOOST_TEST(out.pixels == (std::vector<std::uint8_t>{1, 1, 0, 0, 0, 0, 0, 0, 0, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
