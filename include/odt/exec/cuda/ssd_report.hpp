// SPDX-License-Identifier: MIT
// The report of an SSD's step, from what its losses leave on the device.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/exec/cuda/boxes/ssd_loss.hpp>
#include <odt/exec/step.hpp>

namespace odt::cuda {

/// Of a step over that batch; `penalty` is the regularization loss.
inline step_report make_report(const ssd_losses_report& losses, const batch& b, double penalty, bool mined) {
  step_report report;
  report.losses = {{"Loss/classification_loss", losses.classification},
                   {"Loss/localization_loss", losses.localization},
                   {"Loss/regularization_loss", static_cast<float>(penalty)}};
  report.total_loss = losses.total + static_cast<float>(penalty);
  double boxes = 0;
  for (const int n : b.counts) boxes += n;
  const auto mean = [&b](double count) { return static_cast<float>(count / b.size); };
  report.details = {{"TargetAssignment/AvgNumGroundtruthBoxesPerImage", mean(boxes)},
                    {"TargetAssignment/AvgNumPositiveAnchorsPerImage", mean(losses.positives)},
                    {"TargetAssignment/AvgNumNegativeAnchorsPerImage", mean(losses.negatives)},
                    {"TargetAssignment/AvgNumIgnoredAnchorsPerImage", mean(losses.ignored)}};
  if (mined) {
    report.details.push_back({"HardExampleMiner/NumPositives", mean(losses.mined_positives)});
    report.details.push_back({"HardExampleMiner/NumNegatives", mean(losses.mined_negatives)});
  }
  return report;
}

}  // namespace odt::cuda
