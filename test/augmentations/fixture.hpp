// SPDX-License-Identifier: MIT
// What the tests of augmentations share: fixtures as sketches and pictures, distributions against samples.
#pragma once

#include <odt/augmentation.hpp>
#include <odt/core/mask_map.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "golden.hpp"

namespace odt::test {

/// The first three channels of a fixture's image (height, width, channels).
inline float_image image_of(const array& a) {
  const auto channels = static_cast<int>(a.shape.at(2));
  float_image result(static_cast<int>(a.shape.at(0)), static_cast<int>(a.shape.at(1)), 3);
  for (std::size_t i = 0; i < result.pixels.size(); ++i)
    result.pixels[i] = static_cast<float>(a[i / 3 * static_cast<std::size_t>(channels) + i % 3]);
  return result;
}

inline std::vector<float> pixels_of(const picture& p) {
  std::vector<float> result(static_cast<std::size_t>(p.size().height) * static_cast<std::size_t>(p.size().width) * 3);
  for (int y = 0; y < p.size().height; ++y)
    p.read_row(y, result.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(p.size().width) * 3);
  return result;
}

inline array first_three_channels(const array& a) {
  array result;
  result.shape = {a.shape[0], a.shape[1], 3};
  for (std::size_t i = 0; i < a.size(); ++i)
    if (static_cast<std::int64_t>(i) % a.shape[2] < 3) result.values.push_back(a[i]);
  return result;
}

inline std::vector<boxf> boxes_of(const array& a) {
  std::vector<boxf> result;
  for (std::size_t i = 0; i + 3 < a.size(); i += 4)
    result.push_back({static_cast<float>(a[i]), static_cast<float>(a[i + 1]), static_cast<float>(a[i + 2]),
                      static_cast<float>(a[i + 3])});
  return result;
}

inline std::vector<float> flat(const std::vector<boxf>& boxes) {
  std::vector<float> result;
  for (const boxf& b : boxes) result.insert(result.end(), {b.ymin, b.xmin, b.ymax, b.xmax});
  return result;
}

/// Ground truth with every array filled, so that a forgotten one shows.
inline labels labels_of(const std::vector<boxf>& boxes) {
  labels truth;
  truth.boxes = boxes;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    truth.classes.push_back(static_cast<int>(i));
    truth.weights.push_back(static_cast<float>(i));
    truth.areas.push_back(static_cast<float>(i));
    truth.crowd.push_back(static_cast<std::uint8_t>(i));
    truth.difficult.push_back(static_cast<std::uint8_t>(i));
    truth.group_of.push_back(static_cast<std::uint8_t>(i));
  }
  return truth;
}

/// The fixture's masks [objects, height, width], where it has some.
inline std::vector<image> masks_of(const golden_case& c) {
  std::vector<image> masks;
  if (!c.has_in("masks")) return masks;
  const array a = c.in("masks");
  for (std::int64_t i = 0; i < a.shape.at(0); ++i) {
    image& mask = masks.emplace_back(static_cast<int>(a.shape.at(1)), static_cast<int>(a.shape.at(2)), 1);
    for (std::size_t p = 0; p < mask.pixels.size(); ++p)
      mask.pixels[p] = static_cast<std::uint8_t>(a[static_cast<std::size_t>(i) * mask.pixels.size() + p]);
  }
  return masks;
}

/// Checks the fixture's masks against those that go this way.
inline void check_masks(const std::vector<image>& masks, const recipe& steps, size2 size, size2 inner, size2 outer,
                        const golden_case& c) {
  if (!c.has_in("masks")) return;
  const mask_map map = map_masks(steps, size, inner, outer);
  std::vector<std::uint8_t> all;
  for (const image& mask : masks) {
    image moved;
    move_mask(map, mask, moved);
    all.insert(all.end(), moved.pixels.begin(), moved.pixels.end());
  }
  check_close(all, c.out("masks"), c, "masks");
}

/// Checks that `samples` may come from the distribution whose quantiles the fixture holds.
inline void check_distribution(std::vector<double> samples, const golden_case& c, const std::string& key) {
  const double ks = c.content["tolerance"]["ks"].get<double>();
  const array levels = c.out("quantile_levels"), quantiles = c.to_array(c.content["outputs"][key]["quantiles"]);
  std::ranges::sort(samples);
  const auto n = static_cast<double>(samples.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const double slack = 2e-5 * std::max(1.0, std::abs(quantiles[i])), level = levels[i] / 100;
    const auto below = std::ranges::lower_bound(samples, quantiles[i] - slack) - samples.begin();
    const auto up_to = std::ranges::upper_bound(samples, quantiles[i] + slack) - samples.begin();
    BOOST_CHECK_MESSAGE(static_cast<double>(below) / n <= level + ks && static_cast<double>(up_to) / n >= level - ks,
                        c.name() << " " << key << ": " << static_cast<double>(below) / n << " to "
                                 << static_cast<double>(up_to) / n << " lie below the " << levels[i] << " % quantile "
                                 << quantiles[i]);
  }
}

inline void check_probability(double p, double expected, const golden_case& c, const std::string& key) {
  BOOST_CHECK_MESSAGE(std::abs(p - expected) <= c.content["tolerance"]["probability_abs"].get<double>(),
                      c.name() << " " << key << ": " << p << ", expected " << expected);
}

}  // namespace odt::test
