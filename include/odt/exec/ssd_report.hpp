// SPDX-License-Identifier: MIT
// What the report of an SSD's train step says besides its losses, under the tags that the API's programs give it.
#pragma once

#include <odt/exec/step.hpp>

#include <string>
#include <utility>
#include <vector>

namespace odt {

/// Of all images of a batch together.
struct ssd_counts {
  double boxes = 0;                                  ///< of the ground truth
  double matched_boxes = 0;                          ///< those among them that an anchor has
  double positives = 0, negatives = 0, ignored = 0;  ///< anchors
  double mined_positives = 0, mined_negatives = 0;   ///< anchors that hard example mining chose
};

/// Means over the images; without mining, nothing of it.
inline std::vector<std::pair<std::string, float>> ssd_details(const ssd_counts& counts, int images, bool mined) {
  std::vector<std::pair<std::string, float>> details;
  const auto add = [&](const char* tag, double count) {
    details.emplace_back(tag, static_cast<float>(count / images));
  };
  add("TargetAssignment/Loss/TargetAssignment/AvgNumGroundtruthBoxesPerImage", counts.boxes);
  add("TargetAssignment/Loss/TargetAssignment/AvgNumGroundtruthBoxesMatchedPerImage", counts.matched_boxes);
  add("TargetAssignment/Loss/TargetAssignment/AvgNumPositiveAnchorsPerImage", counts.positives);
  add("TargetAssignment/Loss/TargetAssignment/AvgNumNegativeAnchorsPerImage", counts.negatives);
  add("TargetAssignment/Loss/TargetAssignment/AvgNumIgnoredAnchorsPerImage", counts.ignored);
  if (!mined) return details;
  add("Loss/HardExampleMiner/NumPositives", counts.mined_positives);
  add("Loss/HardExampleMiner/NumNegatives", counts.mined_negatives);
  return details;
}

}  // namespace odt
