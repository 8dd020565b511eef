// SPDX-License-Identifier: MIT
#include <odt/augmentations/random_pad_image.hpp>

#include "augmentations/fixture.hpp"

BOOST_AUTO_TEST_SUITE(random_pad_image_tests)

BOOST_AUTO_TEST_CASE(pads_with_given_draws_are_the_apis,
                     *odt::test::needs(odt::test::golden() / "units/preprocessor/random_pad_image")) {
  for (const auto& c : odt::test::golden_cases("preprocessor/random_pad_image")) {
    odt::labels truth = odt::test::labels_of(odt::test::boxes_of(c.in("boxes")));
    truth.masks = odt::test::masks_of(c);
    odt::picture pixels(odt::test::image_of(c.in("image")));
    const odt::size2 whole = pixels.size();
    odt::recipe steps;
    odt::sketch photo(truth, pixels.size(), steps);
    odt::random_pad_image a;
    if (!c.params()["pad_color"].is_null()) a.opts.pad_color = c.params()["pad_color"].get<std::vector<float>>();
    const auto draw = c.in("draw").as<int>();
    photo.pad({draw[0], draw[1]}, draw[2], draw[3], a.color());
    follow(steps, pixels);
    odt::test::check_close(odt::test::flat(truth.boxes), c.out("boxes"), c, "boxes");
    odt::test::check_close(odt::test::pixels_of(pixels), c.out("image"), c, "image");
    odt::test::check_masks(truth.masks, steps, whole, photo.size(), photo.size(), c);
  }
}

BOOST_AUTO_TEST_CASE(pads_are_distributed_as_the_apis,
                     *odt::test::needs(odt::test::golden() / "units/distributions/random_pad_image")) {
  for (const auto& c : odt::test::golden_cases("distributions/random_pad_image")) {
    odt::random_pad_image a;
    const auto& params = c.params();
    if (params.contains("min_image_size")) {
      a.opts.min_image_height = params["min_image_size"][0].get<int>();
      a.opts.min_image_width = params["min_image_size"][1].get<int>();
    }
    if (params.contains("max_image_size")) {
      a.opts.max_image_height = params["max_image_size"][0].get<int>();
      a.opts.max_image_width = params["max_image_size"][1].get<int>();
    }
    const odt::size2 size{static_cast<int>(c.in("image_height")[0]), static_cast<int>(c.in("image_width")[0])};
    std::vector<double> height, width, top, left;
    double least_bottom = 1e9;
    for (std::uint64_t i = 0; i < 3000; ++i) {
      odt::labels truth;
      odt::recipe steps;
      odt::sketch photo(truth, size, steps);
      odt::random_stream random(7, i);
      a.draw(photo, random);
      const odt::pixel_window place = steps.empty() ? odt::pixel_window{} : steps.back().window;
      height.push_back(photo.size().height), width.push_back(photo.size().width);
      top.push_back(place.top), left.push_back(place.left);
      const int bottom = photo.size().height - size.height - place.top;
      if (photo.size().height > size.height) least_bottom = std::min(least_bottom, static_cast<double>(bottom));
    }
    odt::test::check_distribution(height, c, "height");
    odt::test::check_distribution(width, c, "width");
    odt::test::check_distribution(top, c, "top");
    odt::test::check_distribution(left, c, "left");
    BOOST_TEST(std::ranges::min(height) == c.out("height_min")[0]);
    BOOST_TEST(std::ranges::max(height) == c.out("height_max")[0]);
    BOOST_TEST(least_bottom == c.out("smallest_bottom_padding_where_padded")[0]);
  }
}

BOOST_AUTO_TEST_CASE(padding_takes_the_mean_color_of_what_is_left) {
  odt::image bytes(2, 2, 3);
  bytes.pixels = {10, 20, 30, 30, 40, 50, 99, 99, 99, 99, 99, 99};
  odt::picture pixels(bytes);
  odt::labels truth = odt::test::labels_of({{0, 0, 1, 1}});
  odt::recipe steps;
  odt::sketch photo(truth, pixels.size(), steps);
  photo.crop({0, 0, {1, 2}}, 0.0f, true);
  photo.pad({2, 3}, 1, 0, std::nullopt);
  follow(steps, pixels);
  const std::vector<float> expected{20, 30, 40, 20, 30, 40, 20, 30, 40, 10, 20, 30, 30, 40, 50, 20, 30, 40};
  BOOST_TEST(odt::test::pixels_of(pixels) == expected, boost::test_tools::per_element());
  BOOST_TEST(truth.boxes[0].ymin == 0.5f);
  BOOST_TEST(truth.boxes[0].xmax == 2.0f / 3, boost::test_tools::tolerance(1e-6f));
}

BOOST_AUTO_TEST_SUITE_END()
