// SPDX-License-Identifier: MIT
// A small SSD as accelerators train it, and pictures for it.
#pragma once

#include "any_ssd.hpp"

#include <odt/core/random.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <string_view>

#include <cstddef>
#include <cstdint>
#include <variant>

namespace odt::test {

/// What the API trains on a TPU, small: focal loss, argmax matcher.
inline any_ssd::options usual(bool train_norms = false) {
  any_ssd::options o;
  o.num_classes = 3;
  auto& extractor = std::get<0>(o.feature_extractor).opts;
  extractor.depth_multiplier = 0.25f;
  extractor.conv_hyperparams.norm.train = train_norms;
  o.matcher =
      argmax_matcher{{.matched_threshold = 0.5f, .unmatched_threshold = 0.4f, .force_match_for_each_row = true}};
  o.classification_loss = weighted_sigmoid_focal{{.gamma = 2, .alpha = 0.25f}};
  o.optimizer = momentum{};
  o.update.clip_norm = 10;
  o.rate.schedule = constant_learning_rate{{.learning_rate = 0.01f}};
  return o;
}

/// Pictures [first, first + count) of a set; one of them has no boxes, one a box of weight 0.
inline batch pictures(int first, int count) {
  constexpr int side = 96, most = 3;
  batch b = batch::zeros(count, side, side, most);
  b.weights.assign(b.weights.size(), 1.0f);
  for (int i = 0; i < count; ++i) {
    random_stream random(3, static_cast<std::uint64_t>(first + i), 0);
    const auto size = static_cast<std::size_t>(side * side * 3), n = static_cast<std::size_t>(i);
    for (std::size_t k = 0; k < size; ++k) b.images[n * size + k] = random.uniform(-1, 1);
    b.counts[n] = (first + i) % 4;
    for (std::size_t k = 0; k < most; ++k) {
      const float y = random.uniform(0, 0.5f), x = random.uniform(0, 0.5f);
      b.boxes[most * n + k] = {y, x, y + random.uniform(0.1f, 0.5f), x + random.uniform(0.1f, 0.5f)};
      b.classes[most * n + k] = static_cast<int>(k);
    }
    if ((first + i) % 4 == 3) b.weights[most * n + 1] = 0;
  }
  return b;
}

/// Every variable, slot and average: by the largest of its kind, since some are all but zero.
inline void check_states(any_ssd& a, any_ssd& b, double tolerance, std::string_view named = {}) {
  const auto kind_of = [](const std::string& name) { return name.substr(name.rfind('/') + 1); };
  const auto left = a.state(), right = b.state();
  std::map<std::string, double> largest;
  for (const state_tensor& t : left)
    for (const float v : t.values) {
      double& l = largest[kind_of(t.name)];
      l = std::max(l, std::abs(static_cast<double>(v)));
    }
  BOOST_REQUIRE_EQUAL(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    BOOST_TEST(left[i].name == right[i].name);
    if (left[i].name.find(named) == std::string::npos) continue;
    double worst = 0;
    for (std::size_t k = 0; k < left[i].values.size(); ++k)
      worst =
          std::max(worst, std::abs(static_cast<double>(left[i].values[k]) - static_cast<double>(right[i].values[k])));
    BOOST_TEST(worst <= tolerance * largest[kind_of(left[i].name)], left[i].name << ": off by " << worst);
  }
}

}  // namespace odt::test
