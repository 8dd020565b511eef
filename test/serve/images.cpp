// SPDX-License-Identifier: MIT
#include <odt/io/example.hpp>
#include <odt/io/image_file.hpp>
#include <odt/serve/images.hpp>
#include <odt/serve/status.hpp>

#include <scratch.hpp>

#include <limits>

using odt::serve::prepare_images;
using odt::serve::tensor;
using bytes = std::vector<std::uint8_t>;
using floats = std::vector<float>;
using strings = std::vector<std::string>;

namespace {

const odt::image_resizer to_8x8 = odt::image_resizer::fixed_shape({8, 8});

std::vector<odt::serve::prepared_image> prepare(const tensor& input, const odt::serve::image_limits& limits = {}) {
  return prepare_images("inputs", input, to_8x8, {}, limits);
}

odt::image gray(int height, int width, std::uint8_t value) {
  odt::image one(height, width);
  std::ranges::fill(one.pixels, value);
  return one;
}

std::string example_of(std::string picture) {
  odt::example one;
  one.encoded = std::move(picture), one.filename = "a";
  return odt::serialize_example(one);
}

void refuse(const tensor& input, std::string_view said, const odt::serve::image_limits& limits = {}) {
  odt::test::check_error([&] { prepare(input, limits); }, {"inputs", said});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(images_tests)

BOOST_AUTO_TEST_CASE(pixels) {
  bytes two(std::size_t{2} * 4 * 6 * 3, 10);
  std::fill(two.begin() + 72, two.end(), std::uint8_t{200});
  const auto made = prepare({{2, 4, 6, 3}, two});
  BOOST_REQUIRE(made.size() == 2u);
  BOOST_TEST(made[0].pixels.size() == 192u);
  BOOST_TEST(made[0].pixels[0] == 10);
  BOOST_TEST(made[1].pixels[191] == 200);
  BOOST_TEST((made[0].original_size == odt::size2{4, 6}));
  const auto again = prepare({{2, 4, 6, 3}, floats(two.begin(), two.end())});
  BOOST_TEST(again[1].pixels == made[1].pixels, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(numbers_that_no_picture_has) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  for (const float value : {nan, infinity, -infinity, 3e38f}) {
    const auto made = prepare({{1, 1, 1, 3}, floats{value, 1, 1}});
    for (const float pixel : made[0].pixels) BOOST_TEST(std::isfinite(pixel));
  }
}

BOOST_AUTO_TEST_CASE(pictures_and_examples) {
  const std::string png = odt::encode_png(gray(5, 7, 99)), jpeg = odt::encode_jpeg(gray(5, 7, 99));
  const std::string example = example_of(png);
  const auto made = prepare({{3}, strings{png, jpeg, example}});
  BOOST_REQUIRE(made.size() == 3u);
  for (const auto& one : made) {
    BOOST_TEST((one.original_size == odt::size2{5, 7}));
    BOOST_TEST(one.pixels[100] == 99, boost::test_tools::tolerance(0.03f));
  }
  BOOST_TEST(prepare({{}, strings{example}}).size() == 1u);  // a scalar
}

BOOST_AUTO_TEST_CASE(what_is_refused) {
  refuse({{4, 6, 3}, bytes(72)}, "[batch, height, width, 3]");
  refuse({{1, 4, 6, 4}, bytes(96)}, "[1, 4, 6, 4]");
  refuse({{}, floats{1}}, "[batch, height, width, 3]");
  refuse({{0, 4, 6, 3}, bytes()}, "no image");
  refuse({{1, 0, 6, 3}, bytes()}, "0 x 6");
  refuse({{9, 1, 1, 3}, bytes(27)}, "at most 8", {.max_images = 8});
  refuse({{1, 4, 6, 3}, bytes(72)}, "too many", {.max_pixels = 23});
  refuse({{1, 1}, strings{"x"}}, "scalar");
  refuse({{0}, strings()}, "no image");
  refuse({{1}, strings{""}}, "empty");
  refuse({{1}, strings{"nonsense"}}, "neither a JPEG");
  refuse({{1}, strings{example_of("")}}, "image/encoded");
  const std::string png = odt::encode_png(gray(40, 40, 1));
  refuse({{1}, strings{png}}, "40 x 40 pixels are too many", {.max_pixels = 1599});
  refuse({{1}, strings{png.substr(0, png.size() / 2)}}, "");
  refuse({{2}, strings{png, "GIF89a"}}, "inputs[1]");
  std::string huge = png;
  huge[16] = huge[20] = 0x7f;  // of the header's sizes
  refuse({{1}, strings{huge}}, "too many");
}

BOOST_AUTO_TEST_CASE(a_jpeg_of_very_many_scans) {
  std::string jpeg = odt::encode_jpeg(gray(16, 16, 50));
  const auto begin = jpeg.find("\xff\xda"), end = jpeg.rfind("\xff\xd9");
  const std::string scan = jpeg.substr(begin, end - begin);
  for (int i = 0; i < 200; ++i) jpeg.insert(end, scan);
  refuse({{1}, strings{jpeg}}, "scans");
}

BOOST_AUTO_TEST_CASE(extreme_shapes_become_no_larger_than_is_allowed) {
  const auto keep = odt::image_resizer::keep_aspect_ratio(600, 1024);
  const auto input = tensor{{1, 1, 600, 3}, bytes(1800)};
  BOOST_TEST(prepare_images("inputs", input, keep, {}, {}).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
