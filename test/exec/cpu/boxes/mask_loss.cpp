// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/boxes/mask_loss.hpp>
#include <odt/losses/sigmoid.hpp>

#include "two_stage.hpp"

#include <odt/core/random.hpp>

#include <cmath>

namespace {

namespace cpu = odt::cpu;
namespace test = odt::test;
using odt::boxf;

const test::fs::path train_case = odt::test::golden() / "models/train_mask_rcnn_inception_v2";

/// [rows, classes, pixels] to [rows, pixels, classes].
std::vector<float> classes_last(const std::vector<float>& in, std::size_t classes, std::size_t pixels) {
  std::vector<float> out(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t row = i / (classes * pixels), k = i / pixels % classes, p = i % pixels;
    out[(row * pixels + p) * classes + k] = in[i];
  }
  return out;
}

struct problem {
  int batch = 2, capacity = 7, classes = 4, max_boxes = 3;
  odt::size2 size{5, 6};
  test::proposals_memory boxes{2, 7};
  test::targets_memory targets{14};
  std::vector<odt::image> masks;
  std::vector<float> logits, gradient, mask_targets;

  odt::mask_predictions view() const { return {batch, capacity, size.height, size.width, classes, logits.data()}; }
  float run(float loss_weight, int threads = 1) {
    odt::thread_pool pool(threads);
    cpu::mask_loss_workspace space(batch, capacity, size, threads);
    gradient.assign(logits.size(), 99);
    mask_targets.assign(static_cast<std::size_t>(batch * capacity * size.height * size.width), 99);
    cpu::assign_masks(pool, boxes.view(), targets.view(), masks, max_boxes, size, mask_targets.data());
    return cpu::mask_loss(pool, odt::weighted_sigmoid{}, loss_weight, boxes.view(), view(), gradient.data(),
                          targets.view(), mask_targets.data(), space);
  }
};

problem random_problem(std::uint64_t seed, int classes = 4) {
  odt::random_stream random(seed);
  problem p;
  p.classes = classes;
  p.boxes.counts = {7, 4};
  for (int i = 0; i < 6; ++i) {
    odt::image& mask = p.masks.emplace_back(20, 30, 1);
    for (auto& pixel : mask.pixels) pixel = random.uniform() < 0.5f;
  }
  for (std::size_t i = 0; i < 14; ++i) {
    const float y = random.uniform(0, 0.5f), x = random.uniform(0, 0.5f);
    p.boxes.normalized[i] = {y, x, y + 0.4f, x + 0.3f};
    p.targets.match[i] = static_cast<int>(random.integer(-1, 3));
    const bool object = p.targets.match[i] >= 0;
    p.targets.classes[i] = object ? static_cast<int>(random.integer(1, 5)) : 0;
    p.targets.regression_weights[i] = object ? random.uniform(0.5f, 1) : 0;
  }
  p.logits.resize(static_cast<std::size_t>(14 * 30 * classes));
  for (float& x : p.logits) x = random.uniform(-3, 3);
  return p;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mask_loss_tests)

BOOST_AUTO_TEST_CASE(targets_and_loss_of_a_whole_detector_are_the_api_s, *odt::test::needs(train_case)) {
  const auto load = [](const std::string& name) { return test::load_npy(train_case / (name + ".npy")); };
  const auto shape = load("image_shapes"), bits = load("groundtruth_masks");
  const int height = static_cast<int>(shape[0]), width = static_cast<int>(shape[1]);
  problem p;
  p.batch = 1, p.capacity = 16, p.classes = 3, p.size = {15, 15};
  p.max_boxes = static_cast<int>(load("groundtruth_counts")[0]);
  for (int i = 0; i < p.max_boxes; ++i) {
    odt::image& mask = p.masks.emplace_back(height, width, 1);
    for (std::size_t k = 0; k < mask.pixels.size(); ++k) {
      const std::size_t bit = static_cast<std::size_t>(i) * mask.pixels.size() + k;
      mask.pixels[k] = static_cast<int>(bits[bit / 8]) >> (7 - bit % 8) & 1;
    }
  }
  p.boxes = test::proposals_memory(1, 16);
  p.boxes.counts = load("num_proposals").as<int>();
  p.boxes.normalized = test::to_boxes(load("proposal_boxes_normalized"));
  p.targets = test::targets_memory(16);
  p.targets.match = load("mask_match").as<int>();
  p.targets.regression_weights = load("mask_reg_weights").as<float>();
  const auto one_hot = load("box_cls_targets");
  for (std::size_t i = 0; i < one_hot.size(); ++i)
    if (one_hot[i] > 0) p.targets.classes[i / 4] = static_cast<int>(i % 4);
  p.logits = classes_last(load("mask_predictions").as<float>(), 3, 15 * 15);
  const float loss = p.run(4);
  test::check_close(std::span<const float>(p.mask_targets), load("mask_targets"), 1e-5, 2e-5, "mask_targets");
  BOOST_TEST(loss == load("losses_f64")[4], boost::test_tools::tolerance(3e-6));
}

BOOST_AUTO_TEST_CASE(gradients_are_slopes_of_the_loss) {
  for (const int classes : {4, 1}) {
    problem p = random_problem(3, classes);
    p.run(8);
    const problem at = p;
    for (std::size_t i = 0; i < at.logits.size(); i += 3) {
      constexpr float h = 0.05f;
      problem above = at, below = at;
      above.logits[i] += h, below.logits[i] -= h;
      const double slope = (static_cast<double>(above.run(8)) - static_cast<double>(below.run(8))) / (2 * h);
      BOOST_TEST(std::abs(slope - static_cast<double>(at.gradient[i])) < 1e-4);
    }
  }
}

BOOST_AUTO_TEST_CASE(only_masks_of_the_targets_classes_have_gradients) {
  problem p = random_problem(4);
  p.run(1);
  for (std::size_t i = 0; i < p.gradient.size(); ++i) {
    const std::size_t row = i / (30 * 4);
    const bool counts = row < 7 + 4 && p.targets.classes[row] == static_cast<int>(i % 4) + 1;
    BOOST_TEST((p.gradient[i] != 0) == counts);
  }
}

BOOST_AUTO_TEST_CASE(crops_are_bilinear_and_zero_outside) {
  odt::image mask(3, 3, 1);
  mask.pixels = {0, 0, 1, 0, 1, 1, 0, 0, 1};
  float out[4];
  cpu::detail::crop_mask(mask, {0, 0, 1, 1}, {2, 2}, out);
  BOOST_TEST(out == (std::vector<float>{0, 1, 0, 1}), boost::test_tools::per_element());
  cpu::detail::crop_mask(mask, {0.25f, 0.25f, 0.5f, 0.75f}, {2, 2}, out);
  BOOST_TEST(out == (std::vector<float>{0.25f, 0.75f, 0.5f, 1}), boost::test_tools::per_element());
  cpu::detail::crop_mask(mask, {0, 0.5f, 2, 1}, {2, 2}, out);
  BOOST_TEST(out == (std::vector<float>{0, 1, 0, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(without_objects_there_is_no_loss) {
  problem p = random_problem(5);
  std::ranges::fill(p.targets.match, odt::unmatched);
  std::ranges::fill(p.targets.regression_weights, 0.0f);
  BOOST_TEST(p.run(1) == 0);
  BOOST_TEST(std::ranges::count(p.gradient, 0.0f) == static_cast<std::ptrdiff_t>(p.gradient.size()));
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  problem one = random_problem(6), three = one;
  BOOST_TEST(one.run(1) == three.run(1, 3));
  BOOST_TEST((one.gradient == three.gradient));
}

BOOST_AUTO_TEST_SUITE_END()
