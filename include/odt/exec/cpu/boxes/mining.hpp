// SPDX-License-Identifier: MIT
// The hard example miner's selection for one image.
#pragma once

#include <odt/exec/cpu/boxes/non_max_suppression.hpp>
#include <odt/hard_example_miner.hpp>
#include <odt/matcher.hpp>

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// What one image's mining kept.
struct mined_image {
  std::span<const int> selected;  ///< anchors, by falling loss; lives in the workspace
  int positives = 0;
  int negatives = 0;  ///< ignored anchors that were kept count among them
};

/// Memory of one thread, reused from image to image.
struct mining_workspace {
  nms_workspace suppression;
  std::vector<boxf> boxes;
  std::vector<float> losses;
  std::vector<int> selected;
};

/// Selects among anchors by `losses` (the loss that ranks them) and their decoded `boxes`. As in the API, an ignored
/// anchor passes while the limit of negatives has not been passed, and is then counted as a negative.
inline mined_image mine(const hard_example_miner& how, std::span<const boxf> boxes, std::span<const float> losses,
                        std::span<const int> match, mining_workspace& space) {
  const int anchors = static_cast<int>(losses.size());
  const int limit = how.num_hard_examples > 0 ? how.num_hard_examples : anchors;
  const std::span<const int> ranked = non_max_suppression(
      boxes, losses, how.iou_threshold, -std::numeric_limits<float>::infinity(), limit, space.suppression);
  const auto is_positive = [&match](int anchor) { return match[static_cast<std::size_t>(anchor)] >= 0; };
  mined_image result;
  result.positives = static_cast<int>(std::ranges::count_if(ranked, is_positive));
  if (how.max_negatives_per_positive <= 0) {
    result.selected = ranked;
    result.negatives = static_cast<int>(ranked.size()) - result.positives;
    return result;
  }
  const int most = std::max(how.min_negatives_per_image, how.max_negatives_per_positive * result.positives);
  space.selected.clear();
  int negatives = 0;
  for (const int anchor : ranked) {
    negatives += match[static_cast<std::size_t>(anchor)] == unmatched ? 1 : 0;
    if (is_positive(anchor) || negatives <= most) space.selected.push_back(anchor);
  }
  result.selected = space.selected;
  result.negatives = static_cast<int>(space.selected.size()) - result.positives;
  return result;
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
