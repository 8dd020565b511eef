// SPDX-License-Identifier: MIT
// What an SSD's step leaves for the host, and the report that it becomes.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/exec/cuda/boxes/ssd_loss.hpp>
#include <odt/exec/cuda/passes/update.hpp>
#include <odt/exec/step.hpp>

namespace odt::cuda {

struct ssd_device_report {
  ssd_losses_report losses;
  device_update_report update;
};

/// Of a step over that batch; `penalty` is the regularization loss.
inline step_report make_report(const ssd_device_report& device, const batch& b, double penalty, bool trained,
                               bool mined) {
  const ssd_losses_report& losses = device.losses;
  step_report report;
  report.losses = {{"Loss/classification_loss", losses.classification},
                   {"Loss/localization_loss", losses.localization},
                   {"Loss/regularization_loss", static_cast<float>(penalty)}};
  report.total_loss = losses.classification + losses.localization + static_cast<float>(penalty);
  if (trained) {
    report.gradient_norm = static_cast<float>(device.update.gradient_norm);
    report.finite = device.update.finite != 0;
  }
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
