// SPDX-License-Identifier: MIT
// Batches of raw images that go through all that a recipe may ask for, for the CPU's tests and the GPU's.
#pragma once

#include <odt/augmentations/random_adjust_brightness.hpp>
#include <odt/augmentations/random_adjust_contrast.hpp>
#include <odt/augmentations/random_adjust_hue.hpp>
#include <odt/augmentations/random_adjust_saturation.hpp>
#include <odt/augmentations/random_crop_image.hpp>
#include <odt/augmentations/random_distort_color.hpp>
#include <odt/augmentations/random_horizontal_flip.hpp>
#include <odt/augmentations/random_pad_image.hpp>
#include <odt/augmentations/random_rgb_to_gray.hpp>
#include <odt/augmentations/random_vertical_flip.hpp>
#include <odt/augmentations/ssd_random_crop.hpp>
#include <odt/augmentations/ssd_random_crop_pad.hpp>
#include <odt/core/picture_job.hpp>
#include <odt/core/random.hpp>
#include <odt/image_resizer.hpp>

#include <cstring>
#include <string>
#include <vector>

namespace odt::test {

inline image random_picture(size2 size, random_stream& random) {
  image p(size.height, size.width, 3);
  for (auto& byte : p.pixels) byte = static_cast<std::uint8_t>(random.integer(0, 256));
  return p;
}

inline pixel_op color_op(pixel_op::kind what, float amount) {
  pixel_op op;
  op.what = what, op.amount = amount;
  return op;
}

inline pixel_op crop_op(int top, int left, size2 size) {
  pixel_op op;
  op.window = {top, left, size};
  return op;
}

inline pixel_op pad_op(int top, int left, size2 size, size2 canvas, bool mean) {
  pixel_op op;
  op.what = pixel_op::kind::pad, op.window = {top, left, size}, op.canvas = canvas, op.mean_color = mean;
  op.color = {10, 20.5f, 200};
  return op;
}

/// For pictures of that size: no step, every kind by itself, and orders in which one needs what another leaves.
inline std::vector<recipe> all_recipes(size2 size) {
  using enum pixel_op::kind;
  const size2 half{(size.height + 1) / 2, (size.width + 1) / 2}, larger{size.height + 5, size.width + 3};
  const pixel_op crop_half = crop_op(size.height / 4, size.width / 5, half), flip = color_op(flip_horizontally, 0),
                 turn = color_op(flip_vertically, 0), bright = color_op(brightness, 0.13f),
                 dark = color_op(brightness, -0.2f), steep = color_op(contrast, 1.25f), flat = color_op(contrast, 0.8f),
                 vivid = color_op(saturation, 1.7f), pale = color_op(saturation, 0.5f), redder = color_op(hue, 0.18f),
                 bluer = color_op(hue, -0.4f), no_color = color_op(gray, 0);
  const pixel_op frame = pad_op(2, 1, size, larger, false), mean_frame = pad_op(0, 3, size, larger, true);
  std::vector<recipe> all{{}};
  for (const pixel_op& op :
       {crop_half, flip, turn, bright, dark, steep, flat, vivid, pale, redder, bluer, no_color, frame, mean_frame})
    all.push_back({op});
  all.push_back({flip, crop_half, turn});
  all.push_back({turn, bright, crop_half, flip});
  all.push_back({bright, pale, redder, steep});
  all.push_back({steep, crop_half, flat, no_color});
  all.push_back({frame, flip, vivid, crop_op(1, 0, size), steep});
  all.push_back(
      {flat, mean_frame, dark, turn, bluer, pad_op(1, 1, larger, {larger.height + 2, larger.width + 7}, true)});
  return all;
}

/// Every augmentation there is, one after the other.
inline augmentation_chain whole_catalogue() {
  augmentation_chain chain;
  chain.push_back(random_adjust_brightness{});
  chain.push_back(random_adjust_contrast{});
  chain.push_back(random_adjust_hue{});
  chain.push_back(random_adjust_saturation{});
  chain.push_back(random_crop_image{});
  chain.push_back(random_distort_color{});
  chain.push_back(random_horizontal_flip{});
  chain.push_back(random_pad_image{});
  chain.push_back(random_rgb_to_gray{});
  chain.push_back(random_vertical_flip{});
  chain.push_back(ssd_random_crop{});
  chain.push_back(ssd_random_crop_pad{});
  return chain;
}

/// Draws each recipe for a picture of that size with one box.
inline void whole_catalogue_of(size2 size, std::uint64_t seed, std::vector<recipe>& recipes) {
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    labels truth;
    truth.boxes = {{0.2f, 0.3f, 0.7f, 0.6f}};
    truth.classes = {1}, truth.weights = {1}, truth.areas = {1}, truth.crowd = truth.difficult = truth.group_of = {0};
    whole_catalogue().draw(truth, size, seed, i, recipes[i]);
  }
}

inline size2 size_behind(const recipe& steps, size2 size) {
  for (const pixel_op& op : steps) size = detail::jobs::size_behind(op, size);
  return size;
}

/// A batch of pictures of that size, one a recipe.
inline batch raw_batch(const std::vector<recipe>& recipes, size2 size, const image_resizer& resizer,
                       const pixel_transform& transform) {
  const size2 outer = *resizer.constant_size();
  batch b = batch::zeros(static_cast<int>(recipes.size()), outer.height, outer.width, 2);
  b.images.clear();
  b.form = {resizer.method, transform, resizer.pad_value};
  random_stream random(5);
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    b.raws.push_back({random_picture(size, random), recipes[i], {}});
    b.true_sizes[i] = resizer.inner_size(size_behind(recipes[i], size));
  }
  return b;
}

/// The images of a batch of raw ones, made by the CPU: size x height x width x 3.
inline std::vector<float> images_of(const batch& b) {
  const std::size_t each = static_cast<std::size_t>(b.height) * static_cast<std::size_t>(b.width) * 3;
  std::vector<float> images(each * static_cast<std::size_t>(b.size));
  resize_scratch scratch;
  for (int i = 0; i < b.size; ++i) make_image(b, i, images.data() + static_cast<std::size_t>(i) * each, scratch);
  return images;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// One resizer of each method, with padding and without.
inline std::vector<image_resizer> all_resizers(int side) {
  std::vector<image_resizer> all;
  for (const auto method :
       {resize_method::bilinear, resize_method::nearest_neighbor, resize_method::bicubic, resize_method::area}) {
    all.push_back(image_resizer::fixed_shape({side, side + 3}, method));
    all.push_back(image_resizer::keep_aspect_ratio(side / 2, side, true, method));
    all.back().pad_value = {0.5f, -2, 3};
  }
  return all;
}

}  // namespace odt::test
