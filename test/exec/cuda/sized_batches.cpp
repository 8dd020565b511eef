// SPDX-License-Identifier: MIT
// Batches on the device by their shapes: photos have many.
#include <odt/exec/cuda/images/sized_batches.hpp>

#include "exec/cuda/device.hpp"

namespace odt::test {
namespace {

/// Every number has other sizes and pixels.
batch numbered(int number) {
  batch b = batch::zeros(1, 2, 2 + number, 1);
  for (std::size_t i = 0; i < b.images.size(); ++i)
    b.images[i] = static_cast<float>(number * 100) + static_cast<float>(i);
  b.first_sample = static_cast<std::uint64_t>(number);
  return b;
}

void check_taken(cuda::sized_batches& batches, const batch& b) {
  const cuda::sized_batch& sized = batches.take(nullptr, b, run_mode::train);
  cuda::check(cudaDeviceSynchronize(), "copies");
  BOOST_TEST((sized.image == size2{b.height, b.width}));
  BOOST_TEST(
      (fetched(sized.buffers.images(), b.images.size()) == std::vector<float>(b.images.begin(), b.images.end())));
}

BOOST_AUTO_TEST_SUITE(cuda_sized_batches, *needs_gpu())

BOOST_AUTO_TEST_CASE(only_the_sizes_used_last_are_kept) {
  cuda::sized_batches batches;
  std::vector<step_shape> shapes;
  std::vector<std::uint64_t> numbers;
  const int all = static_cast<int>(most_sizes) + 3;
  for (int i = 0; i < all; ++i) {
    const batch b = numbered(i);
    check_taken(batches, b);
    numbers.push_back(batches.take(nullptr, b, run_mode::infer).number);
    shapes.push_back({1, {b.height, b.width}, b.max_boxes, false});
    if (i >= 3) continue;
    BOOST_TEST(batches.bytes() == cuda::sized_batches::bytes_for(shapes));
  }
  BOOST_TEST(batches.bytes() == cuda::sized_batches::bytes_for(shapes));
  BOOST_TEST(batches.bytes() == cuda::sized_batches::bytes_for(std::span(shapes).subspan(3)));
  BOOST_TEST(batches.take(nullptr, numbered(all - 1), run_mode::train).number == numbers.back());
  BOOST_TEST(batches.take(nullptr, numbered(0), run_mode::train).number > numbers.back());
}

BOOST_AUTO_TEST_CASE(an_announced_batch_whose_place_was_needed_is_copied_again) {
  cuda::sized_batches batches;
  const batch first = numbered(0), next = numbered(1);
  check_taken(batches, first);
  batches.announce(next);
  batches.copy_announced();
  batches.wait();
  for (int i = 2; i < 2 + static_cast<int>(most_sizes); ++i) batches.take(nullptr, numbered(i), run_mode::infer);
  check_taken(batches, next);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
