// SPDX-License-Identifier: MIT
#include <odt/core/paste_mask.hpp>

#include <odt/core/error.hpp>

#include <boxes.hpp>

#include <algorithm>

using namespace odt;
using namespace odt::test;

namespace {

float_image filled(int height, int width, float value) {
  float_image mask(height, width, 1);
  std::ranges::fill(mask.pixels, value);
  return mask;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(paste_mask_tests)

BOOST_AUTO_TEST_CASE(masks_are_pasted_as_the_api_does,
                     *needs(golden() / "units/ops/reframe_box_masks_to_image_masks")) {
  for (const golden_case& c : golden_cases("ops/reframe_box_masks_to_image_masks")) {
    const size2 picture{c.params()["image_height"], c.params()["image_width"]};
    const auto boxes = to_boxes(c.in("boxes"));
    const array masks = c.in("box_masks"), expected = c.out("image_masks");
    const auto height = static_cast<int>(masks.shape[1]), width = static_cast<int>(masks.shape[2]);
    const auto values = masks.as<float>();
    const std::size_t pixels = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
    std::vector<float> all;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      float_image mask(height, width, 1);
      std::copy_n(values.data() + i * pixels, pixels, mask.pixels.data());
      const float_image pasted = paste_mask(mask, boxes[i], picture);
      all.insert(all.end(), pasted.pixels.begin(), pasted.pixels.end());
      const image inside = to_mask(object_pixels({boxes[i], 0, 1, -1, mask}, picture));
      for (std::size_t k = 0; k < inside.pixels.size(); ++k)
        BOOST_TEST((inside.pixels[k] == 1) == (pasted.pixels[k] > .5f));
    }
    check_close(all, expected, c, "image masks");
  }
}

BOOST_AUTO_TEST_CASE(a_full_mask_is_its_box) {
  const run_lengths runs = object_pixels({{0, .5f, .5f, 1}, 0, 1, -1, filled(15, 15, 1)}, {5, 9});
  image expected(5, 9, 1);
  for (int y = 0; y < 3; ++y)  // pixel y lies at y / 4 of the picture
    for (int x = 4; x < 9; ++x) *expected.at(y, x) = 1;
  BOOST_TEST((runs == to_runs(expected)));
}

BOOST_AUTO_TEST_CASE(what_is_as_probable_as_not_is_outside) {
  BOOST_TEST(area(object_pixels({{0, 0, 1, 1}, 0, 1, -1, filled(3, 3, .5f)}, {5, 9})) == 0);
  BOOST_TEST(area(object_pixels({{0, 0, 1, 1}, 0, 1, -1, filled(3, 3, .51f)}, {5, 9})) == 45);
}

BOOST_AUTO_TEST_CASE(boxes_beside_the_picture_and_without_area_have_no_pixels) {
  for (const boxf bounds : {boxf{-2, 0, -1, 1}, boxf{0, 1.5f, 1, 2}, boxf{.3f, .3f, .3f, .3f}})
    BOOST_TEST(area(object_pixels({bounds, 0, 1, -1, filled(15, 15, 1)}, {50, 90})) == 0);
}

BOOST_AUTO_TEST_CASE(a_detection_without_a_mask_is_refused) {
  BOOST_CHECK_THROW(object_pixels({{0, 0, 1, 1}}, {5, 5}), error);
  BOOST_CHECK_THROW(paste_mask(float_image(5, 5, 3), {0, 0, 1, 1}, {5, 5}), error);
}

BOOST_AUTO_TEST_SUITE_END()
