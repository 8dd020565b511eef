// SPDX-License-Identifier: MIT
// xtensor is optional: without it there is nothing to test here.
#if __has_include(<xtensor/xtensor.hpp>) || __has_include(<xtensor/containers/xtensor.hpp>)
#include <odt/adapt.hpp>

#include <boost/test/unit_test.hpp>

#include <numeric>

BOOST_AUTO_TEST_SUITE(adapt_tests)

BOOST_AUTO_TEST_CASE(a_view_of_an_image_is_its_pixels) {
  odt::image picture(2, 3);
  std::iota(picture.pixels.begin(), picture.pixels.end(), std::uint8_t{0});
  auto pixels = odt::view(picture);
  BOOST_TEST(pixels.dimension() == 3u);
  BOOST_TEST(pixels(1, 2, 0) == picture.at(1, 2)[0]);
  pixels(0, 1, 2) = 200;
  BOOST_TEST(picture.at(0, 1)[2] == 200);
  const odt::image& constant = picture;
  BOOST_TEST(odt::view(constant)(0, 1, 2) == 200);
}

BOOST_AUTO_TEST_CASE(an_image_goes_out_and_comes_back) {
  odt::image picture(4, 5);
  std::iota(picture.pixels.begin(), picture.pixels.end(), std::uint8_t{7});
  const odt::image back = odt::to_image(odt::view(picture));
  BOOST_TEST(back.height == 4);
  BOOST_TEST(back.width == 5);
  BOOST_TEST(back.channels == 3);
  BOOST_TEST(back.pixels == picture.pixels, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rows_of_columns_come_in_row_by_row) {
  const xt::xtensor<std::uint8_t, 2, xt::layout_type::column_major> gray{{1, 2, 3}, {4, 5, 6}};
  const odt::image picture = odt::to_image(gray);
  BOOST_TEST(picture.channels == 1);
  const std::vector<std::uint8_t> expected{1, 2, 3, 4, 5, 6};
  BOOST_TEST(picture.pixels == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_array_of_other_axes_is_refused) {
  const odt::xtensor<std::uint8_t, 1> line{1, 2, 3};
  BOOST_CHECK_THROW(odt::to_image(line), odt::error);
  BOOST_CHECK_THROW(odt::to_batch(odt::xtensor<float, 4>(std::array<std::size_t, 4>{1, 2, 2, 4})), odt::error);
  BOOST_CHECK_THROW(odt::to_boxes(odt::xtensor<float, 2>{{0, 0, 1}}), odt::error);
}

BOOST_AUTO_TEST_CASE(a_batch_takes_and_shows_its_images) {
  odt::xtensor<float, 4> images(std::array<std::size_t, 4>{2, 3, 4, 3});
  std::iota(images.data(), images.data() + images.size(), 0.0f);
  odt::batch b = odt::to_batch(images, 5);
  BOOST_TEST(b.size == 2);
  BOOST_TEST(b.height == 3);
  BOOST_TEST(b.width == 4);
  BOOST_TEST(b.boxes.size() == 10u);
  BOOST_TEST(b.true_sizes[1].width == 4);
  auto shown = odt::view_images(b);
  BOOST_TEST(shown(1, 2, 3, 1) == images(1, 2, 3, 1));
  shown(0, 0, 0, 0) = -1;
  BOOST_TEST(b.images[0] == -1);
}

BOOST_AUTO_TEST_CASE(boxes_go_out_and_come_back) {
  const std::vector<odt::boxf> boxes{{0.1f, 0.2f, 0.3f, 0.4f}, {0.5f, 0.6f, 0.7f, 0.8f}};
  const odt::xtensor<float, 2> rows = odt::to_xtensor(std::span<const odt::boxf>(boxes));
  BOOST_TEST(rows.shape()[0] == 2u);
  BOOST_TEST(rows(1, 0) == 0.5f);
  BOOST_TEST((odt::to_boxes(rows) == boxes));
}

BOOST_AUTO_TEST_CASE(detections_are_rows_of_six) {
  const odt::detections found{{{0.1f, 0.2f, 0.3f, 0.4f}, 2, 0.9f, 17}};
  const odt::xtensor<float, 2> rows = odt::to_xtensor(found);
  const odt::xtensor<float, 2> expected{{0.1f, 0.2f, 0.3f, 0.4f, 2, 0.9f}};
  BOOST_TEST((rows == expected));
  BOOST_TEST(odt::to_xtensor(odt::detections{}).shape()[0] == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
#endif
