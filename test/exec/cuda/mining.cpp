// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/boxes/mining.hpp>
#include <odt/exec/cuda/boxes/mining.hpp>

#include "exec/cuda/device.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

namespace odt::test {
namespace {

namespace data = boost::unit_test::data;

/// Images with many boxes that overlap, equal losses, boxes without an area, corners swapped, and numbers that are
/// none.
struct mined_batch {
  int images = 3, anchors;
  std::vector<boxf> boxes;
  std::vector<float> losses;
  std::vector<int> match;

  mined_batch(int count, bool odd, std::uint64_t seed) : anchors(count) {
    random_stream random(seed);
    for (int i = 0; i < images * anchors; ++i) {
      boxf b{random.uniform(0, 0.7f), random.uniform(0, 0.7f), 0, 0};
      b.ymax = b.ymin + random.uniform(0.05f, 0.4f), b.xmax = b.xmin + random.uniform(0.05f, 0.4f);
      const auto kind = random.integer(0, 10);
      if (kind < 4 && i > 10) b = boxes[static_cast<std::size_t>(i - random.integer(1, 10))];
      if (kind == 5) b.xmax += 1e-3f * random.uniform();
      if (odd && kind == 6) b.ymax = b.ymin;
      if (odd && kind == 7) std::swap(b.ymin, b.ymax);
      boxes.push_back(b);
      float loss = kind == 8 ? 1.25f : random.uniform(0, 4);
      if (odd && kind == 9) loss = i % 2 == 0 ? NAN : -INFINITY;
      losses.push_back(loss);
      match.push_back(static_cast<int>(random.integer(-2, 1)) < 0 ? (random.bits() % 20 == 0 ? ignored : unmatched)
                                                                  : 3);
    }
  }

  template <class T>
  std::span<const T> of(const std::vector<T>& all, int image) const {
    return std::span(all).subspan(static_cast<std::size_t>(image * anchors), static_cast<std::size_t>(anchors));
  }
};

void compare(const hard_example_miner& how, const mined_batch& b) {
  const auto boxes = copied(b.boxes);
  const auto losses = copied(b.losses);
  const auto match = copied(b.match);
  const cuda::device_array<std::byte> scratch(
      static_cast<std::size_t>(cuda::mining_scratch_bytes(b.images, b.anchors)));
  const cuda::device_array<std::uint8_t> kept(b.losses.size());
  const cuda::device_array<cuda::mined_counts> counts(static_cast<std::size_t>(b.images));
  cuda::mine(nullptr, how, b.images, b.anchors, boxes.data(), losses.data(), match.data(), scratch.data(), kept.data(),
             counts.data());
  const auto found = fetched(kept);
  const auto numbers = fetched(counts);
  odt::cpu::mining_workspace space;
  for (int image = 0; image < b.images; ++image) {
    const auto expected = odt::cpu::mine(how, b.of(b.boxes, image), b.of(b.losses, image), b.of(b.match, image), space);
    std::vector<std::uint8_t> wanted(static_cast<std::size_t>(b.anchors));
    for (const int a : expected.selected) wanted[static_cast<std::size_t>(a)] = 1;
    const auto mine = b.of(found, image);
    int wrong = 0;
    for (std::size_t a = 0; a < wanted.size(); ++a) wrong += mine[a] != wanted[a] ? 1 : 0;
    BOOST_TEST(wrong == 0);
    BOOST_TEST(numbers[static_cast<std::size_t>(image)].positives == expected.positives);
    BOOST_TEST(numbers[static_cast<std::size_t>(image)].negatives == expected.negatives);
  }
}

BOOST_AUTO_TEST_SUITE(cuda_mining, *needs_gpu())

const std::vector<int> anchor_counts = emulated ? std::vector{1, 31, 300} : std::vector{1, 31, 700, 1917, 9000};

BOOST_DATA_TEST_CASE(selects_what_the_cpu_selects,
                     data::make(anchor_counts) * data::make({0.3f, 0.7f, 0.99f, 1.0f}) * data::make({false, true}),
                     anchors, threshold, odd) {
  const mined_batch b(anchors, odd, 17);
  compare({3000, threshold, mining_loss::classification, 3, 0}, b);
  compare({64, threshold, mining_loss::both, 0, 0}, b);
  compare({0, threshold, mining_loss::both, 1, 40}, b);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
