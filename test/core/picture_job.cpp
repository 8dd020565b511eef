// SPDX-License-Identifier: MIT
#include <odt/augmentations/catalogue.hpp>
#include <odt/core/picture_job.hpp>

#include "raw_images.hpp"

#include <algorithm>
#include <functional>

#include <boost/test/unit_test.hpp>

namespace odt::test {
namespace {

// What travels takes no more than the image.
static_assert(travels({600, 600}, 0, {300, 300}));
static_assert(!travels({600, 601}, 0, {300, 300}));
static_assert(travels({30, 30}, picture_job::most_steps, {300, 300}));
static_assert(!travels({30, 30}, picture_job::most_steps + 1, {300, 300}));
static_assert(raw_capacity({5, 5}) == 304);

/// Does with a job what a kernel does.
std::vector<float> followed(picture_job job, const std::uint8_t* bytes, size2 outer) {
  for (int s = 0; s < job.count; ++s) {
    pixel_step& step = job.steps[static_cast<std::size_t>(s)];
    if (!needs_mean(step.op)) continue;
    mean_color mean;
    for (int y = 0; y < step.before.height; ++y) mean.add(row_before(job, bytes, s, y));
    step.op.color = mean.of(step.before);
  }
  std::vector<float> image;
  for (int y = 0; y < outer.height; ++y)
    for (int x = 0; x < outer.width; ++x) {
      const rgb p = image_pixel(job, bytes, outer.width, y, x);
      image.insert(image.end(), {p.r, p.g, p.b});
    }
  return image;
}

std::vector<float> by_pixels(const batch& b) {
  std::vector<float> images;
  for (int i = 0; i < b.size; ++i) {
    const auto bytes = reinterpret_cast<const std::uint8_t*>(bytes_of(b.raws[static_cast<std::size_t>(i)]).data());
    std::ranges::copy(followed(job_of(b, i, 0), bytes, {b.height, b.width}), std::back_inserter(images));
  }
  return images;
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const error& e) {
    return e.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

BOOST_AUTO_TEST_SUITE(picture_job_tests)

BOOST_AUTO_TEST_CASE(pixel_by_pixel_gives_the_bits_of_whole_pictures) {
  for (const image_resizer& resizer : all_resizers(20))
    for (const size2 size : {size2{13, 17}, {1, 1}, {9, 30}}) {
      const batch b = raw_batch(all_recipes(size), size, resizer, pixel_transform::minus_one_to_one());
      BOOST_TEST(same_bits(by_pixels(b), images_of(b)), "method " << static_cast<int>(resizer.method));
    }
}

BOOST_AUTO_TEST_CASE(the_whole_catalogue_gives_the_same_bits) {
  const augmentation_chain chain = whole_catalogue();
  std::vector<std::string_view> names, all;
  for (std::size_t i = 0; i < chain.size(); ++i) names.push_back(chain.name(i));
  for (const augmentation_kind& kind : augmentation_catalogue()) all.push_back(kind.name);
  BOOST_TEST((names == all));
  std::vector<recipe> recipes(40);
  std::vector<bool> seen(9);
  whole_catalogue_of({24, 31}, 7, recipes);
  for (const recipe& steps : recipes) {
    for (const pixel_op& op : steps) seen[static_cast<std::size_t>(op.what)] = true;
    BOOST_TEST(steps.size() <= std::size_t{picture_job::most_steps});
  }
  BOOST_TEST(std::ranges::count(seen, true) == 9);
  const batch b = raw_batch(recipes, {24, 31}, image_resizer::fixed_shape({20, 20}), pixel_transform::subtract_mean());
  BOOST_TEST(same_bits(by_pixels(b), images_of(b)));
}

BOOST_AUTO_TEST_CASE(a_finished_image_stays_as_it_is) {
  batch b = raw_batch({{}}, {4, 4}, image_resizer::fixed_shape({5, 6}), {});
  b.raws[0].finished.resize(5 * 6 * 3);
  for (std::size_t i = 0; i < b.raws[0].finished.size(); ++i) b.raws[0].finished[i] = static_cast<float>(i) * 0.3f;
  BOOST_TEST(same_bits(by_pixels(b), b.raws[0].finished));
  BOOST_TEST(same_bits(images_of(b), b.raws[0].finished));
}

BOOST_AUTO_TEST_CASE(images_that_cannot_be_made_are_refused) {
  const batch good = raw_batch({{}, {}}, {8, 8}, image_resizer::fixed_shape({6, 6}), {});
  const auto refusal = [&good](const std::function<void(batch&)>& spoil) {
    batch b = good;
    spoil(b);
    return message_of([&b] { check_raws(b); });
  };
  BOOST_TEST(refusal([](batch&) {}).empty());
  BOOST_TEST(has(refusal([](batch& b) { b.raws.pop_back(); }), "1 raw images of 2"));
  BOOST_TEST(has(refusal([](batch& b) { b.raws[1].finished.resize(3); }), "image 1 of the batch is finished with 3"));
  BOOST_TEST(has(refusal([](batch& b) { b.raws[1].picture = {}; }), "3 channels"));
  BOOST_TEST(has(refusal([](batch& b) { b.raws[1].picture.pixels.pop_back(); }), "191 bytes"));
  BOOST_TEST(has(refusal([](batch& b) { b.raws[0].picture = image(100, 100); }), "have to be finished"));
  BOOST_TEST(has(refusal([](batch& b) { b.raws[0].steps.resize(25, color_op(pixel_op::kind::gray, 0)); }), "25 steps"));
  BOOST_TEST(has(refusal([](batch& b) { b.true_sizes[0] = {7, 6}; }), "true size 7 x 6"));
  BOOST_TEST(has(refusal([](batch& b) { b.raws[0].steps = {crop_op(4, 0, {5, 5})}; }), "step 1 has a window"));
  BOOST_TEST(has(refusal([](batch& b) {
                   b.raws[0].steps = {color_op(pixel_op::kind::gray, 0), pad_op(0, 5, {8, 8}, {12, 12}, false)};
                 }),
                 "step 2 has a window"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
