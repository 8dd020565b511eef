// SPDX-License-Identifier: MIT
#include <odt/augmentations/random_horizontal_flip.hpp>
#include <odt/augmentations/random_vertical_flip.hpp>

#include "augmentations/fixture.hpp"

BOOST_AUTO_TEST_SUITE(random_flip_tests)

namespace {

template <odt::augmentation Flip>
void match_the_api(const std::string& folder) {
  for (const auto& c : odt::test::golden_cases("preprocessor/" + folder)) {
    odt::labels truth = odt::test::labels_of(odt::test::boxes_of(c.in("boxes")));
    truth.masks = odt::test::masks_of(c);
    odt::picture pixels(odt::test::image_of(c.in("image")));
    const odt::size2 size = pixels.size();
    odt::recipe steps;
    odt::sketch photo(truth, pixels.size(), steps);
    const Flip flip{{.probability = c.params()["probability"].get<float>()}};
    flip.decide(photo, static_cast<float>(c.in("draw")[0]));
    follow(steps, pixels);
    odt::test::check_close(odt::test::flat(truth.boxes), c.out("boxes"), c, "boxes");
    odt::test::check_close(odt::test::pixels_of(pixels), c.out("image"), c, "image");
    odt::test::check_masks(truth.masks, steps, size, size, size, c);
  }
}

template <odt::augmentation Flip>
void be_as_frequent_as_the_api(const std::string& folder) {
  for (const auto& c : odt::test::golden_cases("distributions/" + folder)) {
    const Flip flip{{.probability = c.params()["probability"].get<float>()}};
    int flipped = 0;
    const int n = c.content["outputs"]["probability_applied"]["n"].get<int>();
    for (int i = 0; i < n; ++i) {
      odt::labels truth;
      odt::recipe steps;
      odt::sketch photo(truth, {60, 80}, steps);
      odt::random_stream random(1, static_cast<std::uint64_t>(i));
      flip.draw(photo, random);
      flipped += static_cast<int>(steps.size());
    }
    odt::test::check_probability(static_cast<double>(flipped) / n,
                                 c.content["outputs"]["probability_applied"]["p"].get<double>(), c, "flipped");
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(horizontal_flips_are_the_apis,
                     *odt::test::needs(odt::test::golden() / "units/preprocessor/random_horizontal_flip")) {
  match_the_api<odt::random_horizontal_flip>("random_horizontal_flip");
}

BOOST_AUTO_TEST_CASE(vertical_flips_are_the_apis,
                     *odt::test::needs(odt::test::golden() / "units/preprocessor/random_vertical_flip")) {
  match_the_api<odt::random_vertical_flip>("random_vertical_flip");
}

BOOST_AUTO_TEST_CASE(horizontal_flips_are_as_frequent_as_the_apis,
                     *odt::test::needs(odt::test::golden() / "units/distributions/random_horizontal_flip")) {
  be_as_frequent_as_the_api<odt::random_horizontal_flip>("random_horizontal_flip");
}

BOOST_AUTO_TEST_CASE(vertical_flips_are_as_frequent_as_the_apis,
                     *odt::test::needs(odt::test::golden() / "units/distributions/random_vertical_flip")) {
  be_as_frequent_as_the_api<odt::random_vertical_flip>("random_vertical_flip");
}

BOOST_AUTO_TEST_CASE(a_flip_happens_below_its_probability_only) {
  odt::labels truth = odt::test::labels_of({{0.25f, 0.125f, 0.5f, 0.25f}});
  odt::recipe steps;
  odt::sketch photo(truth, {4, 6}, steps);
  const odt::random_horizontal_flip flip;
  flip.decide(photo, 0.5f);
  BOOST_TEST(steps.empty());
  flip.decide(photo, 0.49f);
  BOOST_TEST(steps.size() == 1);
  BOOST_TEST((truth.boxes[0] == odt::boxf{0.25f, 0.75f, 0.5f, 0.875f}));
}

BOOST_AUTO_TEST_CASE(flips_and_crops_of_bytes_compose_without_copies) {
  odt::image bytes(3, 4, 3);
  for (std::size_t i = 0; i < bytes.pixels.size(); ++i) bytes.pixels[i] = static_cast<std::uint8_t>(i);
  odt::picture pixels(bytes);
  pixels.flip_horizontally();
  pixels.crop(1, 1, {2, 3});  // columns 2, 1, 0 of rows 1, 2
  pixels.flip_vertically();
  const std::vector<float> expected{30, 31, 32, 27, 28, 29, 24, 25, 26, 18, 19, 20, 15, 16, 17, 12, 13, 14};
  BOOST_TEST(odt::test::pixels_of(pixels) == expected, boost::test_tools::per_element());
  pixels.recolor([](odt::rgb p) { return p; });  // now floats, in the same order
  BOOST_TEST(odt::test::pixels_of(pixels) == expected, boost::test_tools::per_element());
  pixels.flip_horizontally();
  pixels.recolor([](odt::rgb p) { return odt::rgb{p.r + 1, p.g, p.b}; });
  BOOST_TEST(odt::test::pixels_of(pixels).front() == 25);
}

BOOST_AUTO_TEST_CASE(gray_bytes_read_as_three_channels) {
  odt::image bytes(1, 2, 1);
  bytes.pixels = {7, 9};
  odt::picture pixels(bytes);
  pixels.flip_horizontally();
  BOOST_TEST(odt::test::pixels_of(pixels) == (std::vector<float>{9, 9, 9, 7, 7, 7}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_crop_beyond_the_image_is_refused) {
  odt::image bytes(3, 4, 3);
  odt::picture pixels(bytes);
  BOOST_CHECK_THROW(pixels.crop(1, 0, {3, 4}), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
