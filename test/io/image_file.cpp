// SPDX-License-Identifier: MIT
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>

#include <golden.hpp>
#include <io/image_samples.hpp>
#include <scratch.hpp>

#include <array>
#include <optional>

namespace {

using odt::decode_image;
using odt::image;
using odt::jpeg_decoder;
using odt::test::check_error;
namespace samples = odt::test::samples;

std::vector<jpeg_decoder> decoders() {
  std::vector<jpeg_decoder> all = {jpeg_decoder::best, jpeg_decoder::stb};
  if (odt::has_turbojpeg()) all.push_back(jpeg_decoder::turbojpeg);
  return all;
}

// TensorFlow's choice for JPEG, the fast inverse DCT, is off by up to 8 where the quality is high.
constexpr int jpeg_tolerance = 8;

int value(int y, int x, int c) { return c == 0 ? 20 + 12 * x : c == 1 ? 30 + 16 * y : 200 - 6 * x - 5 * y; }
int gray(int, int x, int) { return 20 + 12 * x; }
int palette(int, int x, int c) { return c == 0 ? 20 + 12 * x : c == 1 ? 40 : 200 - 6 * x; }

/// The image is 12 x 16 x 3 and within `tolerance` of the formula everywhere.
void check_picture(const image& picture, int tolerance, int (*expected)(int, int, int) = value) {
  BOOST_REQUIRE(picture.height == 12 && picture.width == 16 && picture.channels == 3);
  int worst = 0;
  for (int y = 0; y < 12; ++y)
    for (int x = 0; x < 16; ++x)
      for (int c = 0; c < 3; ++c) worst = std::max(worst, std::abs(picture.at(y, x)[c] - expected(y, x, c)));
  BOOST_CHECK_LE(worst, tolerance);
}

std::vector<std::string_view> all_jpegs() {
  return {samples::baseline, samples::subsampled, samples::progressive, samples::gray,
          samples::cmyk,     samples::turned,     samples::restarts};
}

std::vector<std::string_view> all_pngs() {
  return {samples::png,    samples::png_alpha,  samples::png_gray, samples::png_gray_alpha,
          samples::png_16, samples::png_palette};
}

image numbered(int height, int width) {
  image picture(height, width, 3);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<std::uint8_t>(i);
  return picture;
}

/// A TIFF of 2 x 1 pixels, little-endian, without compression. `format`: 1 whole numbers, 3 floating-point ones.
std::string tiff_of(unsigned samples, unsigned bits, unsigned format, std::optional<unsigned> alpha,
                    const std::string& data) {
  std::string out("II*\0\x08\0\0\0", 8), bits_of_all;
  const auto put = [](std::string& to, unsigned value, int bytes) {
    for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i));
  };
  for (unsigned i = 0; i < samples; ++i) put(bits_of_all, bits, 2);
  std::vector<std::array<unsigned, 3>> tags;  // tag, count, value
  const unsigned entries = alpha ? 11 : 10, lists = 8 + 2 + 12 * entries + 4;
  const auto pixels = lists + static_cast<unsigned>(bits_of_all.size());
  tags = {{256, 1, 2},       {257, 1, 1}, {258, samples, lists},
          {259, 1, 1},       {262, 1, 2}, {273, 1, pixels},
          {277, 1, samples}, {278, 1, 1}, {279, 1, static_cast<unsigned>(data.size())}};
  if (alpha) tags.push_back({338, 1, *alpha});
  tags.push_back({339, 1, format});
  put(out, entries, 2);
  for (const auto& [tag, count, value] : tags) {
    const bool is_long = tag == 273 || tag == 279;
    put(out, tag, 2), put(out, is_long ? 4 : 3, 2), put(out, count, 4), put(out, value, 4);
  }
  put(out, 0, 4);
  return out + bits_of_all + data;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_file_tests)

BOOST_AUTO_TEST_CASE(jpegs_of_all_kinds_by_each_decoder) {
  for (const jpeg_decoder decoder : decoders()) {
    const odt::decode_options how{.decoder = decoder};
    check_picture(decode_image(samples::baseline, "here", how), jpeg_tolerance);
    check_picture(decode_image(samples::progressive, "here", how), jpeg_tolerance);
    check_picture(decode_image(samples::restarts, "here", how), jpeg_tolerance);
    check_picture(decode_image(samples::turned, "here", how), jpeg_tolerance);
    check_picture(decode_image(samples::subsampled, "here", how), 2 * jpeg_tolerance);
    check_picture(decode_image(samples::gray, "here", how), jpeg_tolerance, gray);
    check_picture(decode_image(samples::cmyk, "here", how), jpeg_tolerance);
  }
}

BOOST_AUTO_TEST_CASE(pngs_of_all_kinds_exactly) {
  check_picture(decode_image(samples::png, "here"), 0);
  check_picture(decode_image(samples::png_alpha, "here"), 0);
  check_picture(decode_image(samples::png_gray, "here"), 0, gray);
  check_picture(decode_image(samples::png_gray_alpha, "here"), 0, gray);
  check_picture(decode_image(samples::png_16, "here"), 0, gray);  // cut, not rounded
  check_picture(decode_image(samples::png_palette, "here"), 0, palette);
}

BOOST_AUTO_TEST_CASE(headers_are_read_without_decoding) {
  for (const auto& list : {all_jpegs(), all_pngs()})
    for (const std::string_view bytes : list)
      BOOST_CHECK(odt::read_image_info(bytes, "here").size() == (odt::size2{12, 16}));
  BOOST_CHECK(odt::read_image_info(samples::baseline, "here").format == odt::image_format::jpeg);
  BOOST_CHECK_EQUAL(odt::read_image_info(samples::baseline, "here").orientation, 1);
  BOOST_CHECK_EQUAL(odt::read_image_info(samples::turned, "here").orientation, 6);
  BOOST_CHECK_EQUAL(odt::read_image_info(samples::gray, "here").channels, 1);
  BOOST_CHECK_EQUAL(odt::read_image_info(samples::cmyk, "here").channels, 4);
  BOOST_CHECK(odt::read_image_info(samples::png_16, "here").format == odt::image_format::png);
  BOOST_CHECK_EQUAL(odt::read_image_info(samples::png_16, "here").bits, 16);
  BOOST_CHECK_EQUAL(odt::read_image_info(samples::png_alpha, "here").channels, 4);
  BOOST_CHECK_EQUAL(odt::read_image_info(samples::baseline.substr(0, 400), "here").width, 16);
}

BOOST_AUTO_TEST_CASE(every_truncation_is_found_by_each_decoder) {
  for (const jpeg_decoder decoder : decoders())
    for (const auto& list : {all_jpegs(), all_pngs()})
      for (const std::string_view bytes : list)
        for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 97)
          BOOST_CHECK_THROW(decode_image(bytes.substr(0, size), "here", {.decoder = decoder}), odt::error);
}

BOOST_AUTO_TEST_CASE(damage_never_harms_the_program) {
  for (const jpeg_decoder decoder : decoders())
    for (const auto& list : {all_jpegs(), all_pngs()})
      for (const std::string_view bytes : list)
        for (std::size_t at = 0; at < bytes.size(); at += 3) {
          std::string damaged(bytes);
          damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
          try {
            decode_image(damaged, "here", {.decoder = decoder, .max_pixels = 1 << 20});
          } catch (const odt::error&) {
          }
        }
  for (const std::string_view bytes : all_pngs()) {
    std::string damaged(bytes);
    damaged[bytes.size() / 2 + 8] ^= 1;
    BOOST_CHECK_THROW(decode_image(damaged, "here"), odt::error);
  }
}

BOOST_AUTO_TEST_CASE(errors_name_the_place_and_what_is_wrong) {
  check_error([] { decode_image("", "a.jpg"); }, {"a.jpg: ", "empty"});
  check_error([] { decode_image("GIF89a", "a.jpg"); }, {"a.jpg: ", "cut short or damaged"});
  check_error([] { decode_image("no picture at all", "a.jpg"); }, {"a.jpg: ", "no picture", "17 bytes", "JPEG"});
  check_error([] { decode_image(samples::baseline.substr(0, 600), "a.jpg"); }, {"a.jpg: ", "cut short"});
  check_error([] { decode_image(samples::baseline.substr(0, 30), "a.jpg"); }, {"a.jpg: ", "cut short or damaged"});
  check_error([] { decode_image(samples::png.substr(0, 70), "a.png"); }, {"a.png: ", "cut short"});
  check_error([] { decode_image(samples::png, "a.png", {.max_pixels = 100}); }, {"a.png: ", "16 x 12", "100 pixels"});
  check_error([] { odt::read_image("/no/such.png"); }, {"/no/such.png", "No such file"});
  std::string damaged = samples::png;
  damaged[45] ^= 1;
  check_error([&] { decode_image(damaged, "a.png"); }, {"a.png: ", "wrong checksum of the PNG chunk at byte 33"});
}

BOOST_AUTO_TEST_CASE(bmp_and_gif_exactly) {
  check_picture(decode_image(samples::bmp, "here"), 0);
  check_picture(decode_image(samples::gif, "here"), 0, palette);
  BOOST_CHECK(odt::read_image_info(samples::bmp, "here").format == odt::image_format::bmp);
  BOOST_CHECK(odt::read_image_info(samples::gif, "here").format == odt::image_format::gif);
  BOOST_CHECK(odt::read_image_info(samples::gif, "here").size() == (odt::size2{12, 16}));
}

BOOST_AUTO_TEST_CASE(webp_exactly_or_an_error_that_names_the_package) {
  if (!odt::has_webp())
    return check_error([] { decode_image(samples::webp, "a.webp"); }, {"a.webp: ", "WebP", "libwebp-dev", "dwebp"});
  check_picture(decode_image(samples::webp, "here"), 0);
  check_picture(decode_image(samples::webp_lossy, "here"), 3 * jpeg_tolerance);
  BOOST_CHECK(odt::read_image_info(samples::webp, "here").size() == (odt::size2{12, 16}));
  BOOST_CHECK_EQUAL(odt::read_image_info(samples::webp_turned, "here").orientation, 6);
  check_error([] { decode_image(samples::webp_animated, "a.webp"); }, {"a.webp: ", "animated"});
}

BOOST_AUTO_TEST_CASE(tiff_exactly_or_an_error_that_names_the_package) {
  if (!odt::has_tiff())
    return check_error([] { decode_image(samples::tiff, "a.tif"); }, {"a.tif: ", "TIFF", "libtiff-dev"});
  check_picture(decode_image(samples::tiff, "here"), 0);
  check_picture(decode_image(samples::tiff_gray, "here"), 0, gray);
  BOOST_CHECK(odt::read_image_info(samples::tiff, "here").size() == (odt::size2{12, 16}));
  BOOST_CHECK_EQUAL(odt::read_image_info(samples::tiff_gray, "here").channels, 1);
}

BOOST_AUTO_TEST_CASE(tiff_with_alpha_keeps_its_colours) {
  if (!odt::has_tiff()) return;
  const std::string colours("\x0a\x14\x1e\x00\xc8\x64\x32\x80", 8);  // two pixels, red to alpha
  for (const unsigned alpha : {0u, 1u, 2u}) {  // of unsaid meaning, premultiplied, not premultiplied
    const odt::image read = decode_image(tiff_of(4, 8, 1, alpha, colours), "here");
    BOOST_REQUIRE((read.size() == odt::size2{1, 2}));
    BOOST_TEST(read.pixels == (std::vector<std::uint8_t>{10, 20, 30, 200, 100, 50}));
  }
}

BOOST_AUTO_TEST_CASE(tiff_of_another_kind_is_not_called_damaged) {
  if (!odt::has_tiff()) return;
  try {
    decode_image(tiff_of(3, 32, 3, {}, std::string(24, '\0')), "a.tif");
    BOOST_ERROR("floating-point numbers are read");
  } catch (const odt::error& e) {
    const std::string text = e.what();
    BOOST_TEST(text.starts_with("a.tif: a TIFF of a kind that is not read (libtiff: "), text);
    BOOST_TEST((text.ends_with("); convert it to PNG") && text.find("damaged") == std::string::npos), text);
  }
}

BOOST_AUTO_TEST_CASE(other_pictures_that_are_cut_short_or_damaged_are_errors_and_never_harm) {
  for (const std::string_view bytes : {samples::bmp, samples::gif, samples::webp, samples::tiff, samples::tiff_gray}) {
    for (std::size_t size = 0; size + 2 < bytes.size(); size += 1 + bytes.size() / 97)
      BOOST_CHECK_THROW(decode_image(bytes.substr(0, size), "here"), odt::error);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged(bytes);
      damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
      try {
        decode_image(damaged, "here", {.max_pixels = 1 << 20});
      } catch (const odt::error&) {
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_picture_is_named_for_what_it_is) {
  const std::string_view heic(
      "\0\0\0\x18"
      "ftypheic\0\0\0\0",
      16),
      avif(
          "\0\0\0\x18"
          "ftypavif\0\0\0\0",
          16);
  check_error([&] { decode_image(heic, "a.heic"); }, {"a.heic: ", "HEIC", "heif-convert"});
  check_error([&] { decode_image(avif, "a.jpg"); }, {"a.jpg: ", "AVIF"});
  check_error([&] { decode_image(std::string_view("\0\x05\x16\x07\0\2\0\0", 8), "._a.jpg"); }, {"._a.jpg: ", "macOS"});
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n";
  check_error([&] { decode_image(pointer, "lfs.jpg"); }, {"lfs.jpg: ", "is a Git LFS pointer", "git lfs pull"});
  check_error([] { decode_image("<!DOCTYPE html>\n<html><head></head></html>", "page.jpg"); },
              {"page.jpg: ", "is a web page"});
}

BOOST_AUTO_TEST_CASE(names_of_pictures) {
  for (const char* name : {"a.jpg", "b/IMG_1.JPG", "a.Jpeg", "a.jpe", "a.JFIF", "a.png", "a.webp", "a.b.bmp", "a.gif",
                           "a.tif", "a.TIFF", "a.heic"})
    BOOST_CHECK_MESSAGE(odt::is_picture_name(name), name);
  for (const char* name :
       {"._a.jpg", "photos/._a.jpg", ".hidden.png", "a.jpg.txt", "jpg", "a.xml", "", "a.jpg/b", ".jpg"})
    BOOST_CHECK_MESSAGE(!odt::is_picture_name(name), name);
}

BOOST_AUTO_TEST_CASE(a_scan_without_its_end_is_damaged_by_each_decoder) {
  // The end marker is there, half of the scan is not: libjpeg would fill the rest with gray.
  for (const jpeg_decoder decoder : decoders()) {
    if (decoder == jpeg_decoder::stb) continue;  // it takes zeros for the missing bits and cannot tell
    if (!odt::has_turbojpeg()) continue;
    const std::string cut = samples::baseline.substr(0, samples::baseline.size() - 40) + "\xff\xd9";
    check_error([&] { decode_image(cut, "a.jpg", {.decoder = decoder}); }, {"a.jpg: ", "damaged"});
  }
}

BOOST_AUTO_TEST_CASE(orientations_turn_the_picture_upright) {
  // EXIF: where the 0th row and the 0th column of the stored picture lie when it is shown upright.
  const image stored = numbered(2, 3);
  const auto first_pixels = [&](int orientation) {
    const image shown = odt::apply_orientation(stored, orientation);
    std::vector<int> numbers = {shown.height, shown.width};
    for (std::size_t i = 0; i < shown.pixels.size(); i += 3) numbers.push_back(shown.pixels[i] / 3);
    return numbers;
  };
  using list = std::vector<int>;
  BOOST_CHECK(first_pixels(1) == (list{2, 3, 0, 1, 2, 3, 4, 5}));
  BOOST_CHECK(first_pixels(2) == (list{2, 3, 2, 1, 0, 5, 4, 3}));  // 0th column right
  BOOST_CHECK(first_pixels(3) == (list{2, 3, 5, 4, 3, 2, 1, 0}));  // 0th row bottom, 0th column right
  BOOST_CHECK(first_pixels(4) == (list{2, 3, 3, 4, 5, 0, 1, 2}));  // 0th row bottom
  BOOST_CHECK(first_pixels(5) == (list{3, 2, 0, 3, 1, 4, 2, 5}));  // 0th row left, 0th column top
  BOOST_CHECK(first_pixels(6) == (list{3, 2, 3, 0, 4, 1, 5, 2}));  // 0th row right
  BOOST_CHECK(first_pixels(7) == (list{3, 2, 5, 2, 4, 1, 3, 0}));  // 0th row right, 0th column bottom
  BOOST_CHECK(first_pixels(8) == (list{3, 2, 2, 5, 1, 4, 0, 3}));  // 0th row left, 0th column bottom
}

BOOST_AUTO_TEST_CASE(pngs_come_back_exactly_and_jpegs_nearly) {
  const image picture = decode_image(samples::png, "here");
  check_picture(decode_image(odt::encode_png(picture), "here"), 0);
  check_picture(decode_image(odt::encode_jpeg(picture), "here"), jpeg_tolerance);
  image one(12, 16, 1);
  for (int y = 0; y < 12; ++y)
    for (int x = 0; x < 16; ++x) *one.at(y, x) = static_cast<std::uint8_t>(gray(y, x, 0));
  check_picture(decode_image(odt::encode_png(one), "here"), 0, gray);
  check_picture(decode_image(odt::encode_jpeg(one), "here"), jpeg_tolerance, gray);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_encoded_is_refused) {
  check_error([] { odt::encode_png(image(0, 5, 3)); }, {"5 x 0"});
  check_error([] { odt::encode_jpeg(image(2, 2, 4)); }, {"1 or 3 channels"});
  check_error([] { odt::encode_jpeg(image(2, 2, 3), 0); }, {"quality 0"});
  check_error([] { odt::write_image("a.gif", image(2, 2, 3)); }, {"a.gif", ".png"});
}

BOOST_AUTO_TEST_CASE(pictures_are_written_by_their_ending) {
  const odt::test::scratch_directory scratch;
  const image picture = decode_image(samples::png, "here");
  odt::write_image(scratch / "a.png", picture);
  odt::write_image(scratch / "a.jpg", picture);
  check_picture(odt::read_image(scratch / "a.png"), 0);
  check_picture(odt::read_image(scratch / "a.jpg"), jpeg_tolerance);
  BOOST_CHECK(odt::read_image_info(odt::read_file(scratch / "a.jpg"), "").format == odt::image_format::jpeg);
}

BOOST_AUTO_TEST_CASE(real_photos_by_each_decoder, *odt::test::needs(odt::test::data() / "raccoon/images")) {
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(odt::test::data() / "raccoon/images")) {
    if (++seen > 12) break;
    const std::string path = entry.path().string();
    const image best = odt::read_image(path);
    const image other = odt::read_image(path, {.decoder = jpeg_decoder::stb});
    BOOST_REQUIRE(best.size() == other.size());
    double sum = 0;
    for (std::size_t i = 0; i < best.pixels.size(); ++i) sum += std::abs(best.pixels[i] - other.pixels[i]);
    BOOST_CHECK_LT(sum / static_cast<double>(best.pixels.size()), 2.0);
  }
  BOOST_CHECK_GT(seen, 12);
}

BOOST_AUTO_TEST_SUITE_END()
