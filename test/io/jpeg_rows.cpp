// SPDX-License-Identifier: MIT
#include <odt/core/crop.hpp>
#include <odt/core/random.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/jpeg_rows.hpp>

#include <golden.hpp>
#include <io/image_samples.hpp>
#include <scratch.hpp>

namespace {

using odt::image;
namespace samples = odt::test::samples;

image noisy(int height, int width, int channels) {
  image picture(height, width, channels);
  odt::random_stream random(3, 1, 0);
  for (std::uint8_t& value : picture.pixels) value = static_cast<std::uint8_t>(random.integer(0, 256));
  return picture;
}

/// Two chroma samplings, gray, progressive, restarts, CMYK, and one that is no JPEG.
std::vector<std::string> files() {
  const image large = noisy(150, 211, 3);
  return {odt::encode_jpeg(large, 80),
          odt::encode_jpeg(large, 95),
          odt::encode_jpeg(noisy(90, 100, 1), 80),
          samples::progressive,
          samples::restarts,
          samples::subsampled,
          samples::cmyk,
          odt::encode_png(large)};
}

bool same_rows(odt::picture& a, odt::picture& b) {
  if (a.size() != b.size()) return false;
  std::vector<float> p(static_cast<std::size_t>(a.size().width) * 3), q(p);
  for (int y = 0; y < a.size().height; ++y) {
    a.read_stored_row(y, {}, p.data());
    b.read_stored_row(y, {}, q.data());
    if (a.mirrored() != b.mirrored() || p != q) return false;
  }
  return true;
}

odt::pixel_window some_window(odt::size2 size, odt::random_stream& random) {
  odt::pixel_window w;
  w.size = {static_cast<int>(random.integer(1, size.height + 1)), static_cast<int>(random.integer(1, size.width + 1))};
  w.top = static_cast<int>(random.integer(0, size.height - w.size.height + 1));
  w.left = static_cast<int>(random.integer(0, size.width - w.size.width + 1));
  return w;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(jpeg_rows_tests)

BOOST_AUTO_TEST_CASE(parts_have_the_pixels_of_the_whole) {
  odt::image_decoder decoder;
  odt::picture part;
  odt::random_stream random(7, 2, 0);
  for (const std::string& bytes : files()) {
    const image whole = odt::decode_image(bytes, "here");
    for (int i = 0; i < 60; ++i) {
      odt::picture expected(whole);
      decoder.open(bytes, "here", part);
      for (odt::picture* const p : {&expected, &part})
        if (i % 3 == 1) p->flip_horizontally();
      for (int crops = i % 2; crops >= 0; --crops) {
        const odt::pixel_window w = some_window(part.size(), random);
        for (odt::picture* const p : {&expected, &part}) p->crop(w.top, w.left, w.size);
      }
      for (odt::picture* const p : {&expected, &part}) {
        if (i % 3 == 2) p->flip_horizontally();
        if (i % 5 == 4) p->flip_vertically();
        if (i % 7 == 6) p->recolor([m = p->mean()](odt::rgb c) { return odt::rgb{m.r - c.r, c.g, c.b}; });
      }
      BOOST_REQUIRE(same_rows(expected, part));
      BOOST_REQUIRE(same_rows(expected, part));  // from the top again
    }
  }
}

BOOST_AUTO_TEST_CASE(damage_is_found_where_it_is_read) {
  if (!odt::jpeg_rows::available()) return;
  const std::string good = odt::encode_jpeg(noisy(150, 211, 3), 80);
  const std::string cut = good.substr(0, good.size() / 2) + "\xff\xd9";
  odt::image_decoder decoder;
  odt::picture part;
  std::vector<float> row(211 * 3);
  decoder.open(cut, "a.jpg", part);
  part.read_stored_row(0, {}, row.data());
  odt::test::check_error([&] { part.read_stored_row(149, {}, row.data()); }, {"a.jpg: ", "damaged"});
  decoder.open(good, "a.jpg", part);
  part.read_stored_row(149, {}, row.data());  // the decoder has recovered
  odt::test::check_error([&] { decoder.open(samples::baseline.substr(0, 200), "a.jpg", part); }, {"a.jpg: "});
}

BOOST_AUTO_TEST_SUITE_END()
