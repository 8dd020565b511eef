// SPDX-License-Identifier: MIT
// Images that a GPU makes of raw ones, against the CPU's, bit for bit.
#include <odt/exec/cuda/images/batch_buffers.hpp>

#include "exec/cuda/device.hpp"
#include "raw_images.hpp"

namespace odt::test {
namespace {

std::vector<float> made_by_gpu(const batch& b) {
  cuda::batch_buffers buffers(b);
  BOOST_TEST(buffers.raw());
  BOOST_TEST(buffers.bytes() ==
             cuda::batch_buffers::bytes_for({b.size, {b.height, b.width}, b.max_boxes, true, true}, 1));
  buffers.upload(nullptr, b);
  buffers.make_images(nullptr);
  cuda::check(cudaDeviceSynchronize(), "make_images");
  return fetched(buffers.images(), static_cast<std::size_t>(b.size * b.height * b.width * 3));
}

BOOST_AUTO_TEST_SUITE(cuda_make_images, *needs_gpu())

BOOST_AUTO_TEST_CASE(every_operation_and_method_gives_the_cpus_bits) {
  for (const image_resizer& resizer : all_resizers(emulated ? 20 : 90))
    for (const size2 size : {size2{13, 17}, {1, 1}, {9, 30}}) {
      const batch b = raw_batch(all_recipes(size), size, resizer, pixel_transform::minus_one_to_one());
      BOOST_TEST(same_bits(made_by_gpu(b), images_of(b)), "method " << static_cast<int>(resizer.method));
    }
}

/// More rows than a block has threads.
BOOST_AUTO_TEST_CASE(means_of_high_pictures_are_the_cpus) {
  const size2 size{601, 5};
  const recipe steps{color_op(pixel_op::kind::contrast, 1.2f), color_op(pixel_op::kind::hue, 0.1f),
                     color_op(pixel_op::kind::contrast, 0.7f)};
  const batch b = raw_batch({steps, {}}, size, image_resizer::fixed_shape({40, 30}), {});
  BOOST_TEST(same_bits(made_by_gpu(b), images_of(b)));
}

BOOST_AUTO_TEST_CASE(the_whole_catalogue_gives_the_cpus_bits) {
  const size2 size = emulated ? size2{24, 31} : size2{240, 310};
  std::vector<recipe> recipes(emulated ? 20 : 100);
  whole_catalogue_of(size, 7, recipes);
  const int side = emulated ? 20 : 300;
  const batch b = raw_batch(recipes, size, image_resizer::fixed_shape({side, side}), pixel_transform::subtract_mean());
  BOOST_TEST(same_bits(made_by_gpu(b), images_of(b)));
}

BOOST_AUTO_TEST_CASE(finished_images_arrive_as_they_are_beside_raw_ones) {
  batch b = raw_batch({{}, {color_op(pixel_op::kind::gray, 0)}, {}}, {5, 7}, image_resizer::fixed_shape({6, 9}), {});
  b.raws[1].finished.resize(6 * 9 * 3);
  for (std::size_t i = 0; i < b.raws[1].finished.size(); ++i) b.raws[1].finished[i] = static_cast<float>(i) * 0.3f;
  BOOST_TEST(same_bits(made_by_gpu(b), images_of(b)));
}

BOOST_AUTO_TEST_CASE(an_image_that_cannot_be_made_is_refused_before_the_gpu_sees_it) {
  batch b = raw_batch({{}, {}}, {8, 8}, image_resizer::fixed_shape({6, 6}), {});
  cuda::batch_buffers buffers(b);
  b.raws[1].steps = {crop_op(4, 0, {5, 5})};
  BOOST_CHECK_THROW(buffers.upload(nullptr, b), error);
}

/// The last batch of an evaluation: its buffers are larger than its images.
BOOST_AUTO_TEST_CASE(a_batch_with_room_for_more_images_is_copied_as_far_as_it_goes) {
  batch b = batch::zeros(3, 2, 2, 2);
  for (std::size_t i = 0; i < b.images.size(); ++i) b.images[i] = static_cast<float>(i);
  b.counts = {1, 2, 0};
  b.size = 2;
  cuda::batch_buffers buffers(b);
  buffers.upload(nullptr, b);
  cuda::check(cudaDeviceSynchronize(), "copies");
  BOOST_TEST(buffers.bytes() == cuda::batch_buffers::bytes_for({2, {2, 2}, 2}, 1));
  BOOST_TEST((fetched(buffers.images(), 24) == std::vector<float>(b.images.begin(), b.images.begin() + 24)));
  BOOST_TEST((fetched(buffers.truth().counts, 2) == std::vector<int>{1, 2}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
