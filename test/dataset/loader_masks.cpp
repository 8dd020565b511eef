// SPDX-License-Identifier: MIT
#include <odt/dataset/loader.hpp>

#include "loader_files.hpp"
#include "raw_images.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>

using namespace odt::test;

namespace {

/// An example whose objects have their boxes, which end between pixels, as masks.
odt::example masked(int number, int boxes = 2) {
  odt::example e = picture(number, 20, 32, boxes);
  int top = 2;
  for (odt::labelled_object& o : e.objects) {
    const int bottom = top + 10;
    o.bounds = {static_cast<float>(top) / 20, 0.25f, static_cast<float>(bottom) / 20, 0.75f};
    o.mask = odt::image(e.height, e.width, 1);
    for (int y = top; y < bottom; ++y) std::fill_n(o.mask.at(y, 8), 16, std::uint8_t{1});
    ++top;
  }
  return e;
}

odt::loader_options masked_options(const records& files) {
  auto o = options(files);
  o.masks = odt::mask_type::png;
  return o;
}

/// Where a mask is 1, normalized.
odt::boxf extent(const odt::image& mask) {
  odt::boxf b{1, 1, 0, 0};
  for (int y = 0; y < mask.height; ++y)
    for (int x = 0; x < mask.width; ++x) {
      if (!*mask.at(y, x)) continue;
      const auto h = static_cast<float>(mask.height), w = static_cast<float>(mask.width);
      b = {std::min(b.ymin, static_cast<float>(y) / h), std::min(b.xmin, static_cast<float>(x) / w),
           std::max(b.ymax, static_cast<float>(y + 1) / h), std::max(b.xmax, static_cast<float>(x + 1) / w)};
    }
  return b;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(loader_masks_tests)

BOOST_AUTO_TEST_CASE(masks_arrive_as_the_record_has_them) {
  records files;
  files.write("a.record", {odt::serialize_example(masked(1))});
  auto o = masked_options(files);
  o.augmentations = {};
  o.batch_size = 1;
  o.resizer = odt::image_resizer::keep_aspect_ratio(20, 40, true);
  const auto b = take(o, 1).at(0);
  BOOST_REQUIRE(b.masks.size() == 8u);
  for (std::size_t j = 0; j < 2; ++j) {
    BOOST_TEST((b.masks[j].size() == odt::size2{40, 40} && b.masks[j].channels == 1));
    for (int y = 0; y < 40; ++y)
      for (int x = 0; x < 40; ++x)
        BOOST_REQUIRE(*b.masks[j].at(y, x) == (y < 20 && x < 32 ? *masked(1).objects[j].mask.at(y, x) : 0));
  }
  for (std::size_t j = 2; j < 8; ++j) BOOST_TEST(b.masks[j].pixels.empty());
}

BOOST_AUTO_TEST_CASE(masks_follow_their_boxes_through_augmentations) {
  records files;
  std::vector<std::string> serialized;
  for (int i = 0; i < 6; ++i) serialized.push_back(odt::serialize_example(masked(i, 3)));
  files.write("a.record", serialized);
  for (const bool raw : {false, true}) {
    auto o = masked_options(files);
    o.augmentations = whole_catalogue();
    o.resizer = odt::image_resizer::fixed_shape({64, 64});
    o.raw = raw;
    o.threads = 2;
    int seen = 0;
    for (const auto& b : take(o, 10))
      for (std::size_t i = 0; i < 4; ++i)
        for (std::size_t j = 0; j < static_cast<std::size_t>(b.counts[i]); ++j) {
          const odt::boxf box = b.boxes[i * 8 + j], found = extent(b.masks[i * 8 + j]);
          constexpr float pixel = 1.01f / 64;
          if (height(box) < pixel || width(box) < pixel) continue;  // may lie between the pixels that are taken
          for (const float d :
               {box.ymin - found.ymin, box.xmin - found.xmin, box.ymax - found.ymax, box.xmax - found.xmax})
            BOOST_TEST(std::abs(d) < pixel);
          ++seen;
        }
    BOOST_TEST(seen > 20);
  }
}

BOOST_AUTO_TEST_CASE(evaluations_keep_the_records_masks) {
  records files;
  files.write("a.record", {odt::serialize_example(masked(1)), odt::serialize_example(masked(2, 0))});
  auto o = masked_options(files);
  o.augmentations = {};
  o.evaluation = true;
  o.shuffle = false;
  const auto b = take(o, 1).at(0);
  BOOST_REQUIRE(b.groundtruth.at(0).masks.size() == 2u);
  BOOST_TEST((b.groundtruth[0].masks[1] == masked(1).objects[1].mask));
  BOOST_TEST((b.masks[1].size() == odt::size2{16, 16}));
  BOOST_TEST(b.groundtruth[1].masks.empty());
}

BOOST_AUTO_TEST_CASE(of_more_boxes_than_fit_the_first_ones_keep_their_masks) {
  records files;
  files.write("a.record", {odt::serialize_example(masked(1, 3))});
  auto o = masked_options(files);
  o.augmentations = {};
  o.batch_size = 1;
  o.max_boxes = 2;
  const auto b = take(o, 1).at(0);
  BOOST_TEST(b.counts[0] == 2);
  BOOST_REQUIRE(b.masks.size() == 2u);
  for (const odt::image& mask : b.masks) BOOST_TEST((mask.size() == odt::size2{16, 16}));
  BOOST_TEST(files.warnings.size() == 1u);
}

BOOST_AUTO_TEST_CASE(masks_are_read_only_on_demand) {
  records files;
  files.write("a.record", {odt::serialize_example(masked(1))});
  auto o = options(files);
  o.batch_size = 1;
  BOOST_TEST(take(o, 1).at(0).masks.empty());
  o.masks = odt::mask_type::numerical;
  BOOST_TEST(has(message_of([&] { take(o, 1); }), "the reader's mask_type is NUMERICAL_MASKS, write PNG_MASKS"));
}

BOOST_AUTO_TEST_CASE(a_mask_of_another_size_than_its_picture_is_an_error_of_its_record) {
  records files;
  odt::example wrong = masked(2);
  wrong.encoded = picture(2, 24, 32).encoded;
  files.write("a.record", {odt::serialize_example(masked(1)), odt::serialize_example(wrong)});
  auto o = masked_options(files);
  o.batch_size = 1;
  o.num_epochs = 1;
  const std::string message = message_of([&] { take(o, 2); });
  BOOST_TEST(has(message, "a.record, record 1"));
  BOOST_TEST(has(message, "the mask of object 0 has 20 x 32 pixels, the picture 24 x 32"));
  o.on_bad_example = odt::bad_example::skip;
  BOOST_TEST(take(o, 2).size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
