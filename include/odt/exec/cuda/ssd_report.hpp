// SPDX-License-Identifier: MIT
// The report of an SSD's step, from what its losses leave on the device.
#pragma once

#include <odt/exec/cuda/boxes/ssd_loss.hpp>
#include <odt/exec/ssd_report.hpp>
#include <odt/exec/step.hpp>

namespace odt::cuda {

/// Of a step over so many images; `penalty` is the regularization loss.
inline step_report make_report(const ssd_losses_report& losses, int images, double penalty, bool mined) {
  step_report report;
  report.losses = {{"Loss/classification_loss", losses.classification},
                   {"Loss/localization_loss", losses.localization},
                   {"Loss/regularization_loss", static_cast<float>(penalty)}};
  report.total_loss = losses.total + static_cast<float>(penalty);
  ssd_counts counts;
  counts.boxes = losses.boxes;
  counts.positives = losses.positives, counts.negatives = losses.negatives, counts.ignored = losses.ignored;
  counts.matched_boxes = losses.matched_boxes;
  counts.mined_positives = losses.mined_positives, counts.mined_negatives = losses.mined_negatives;
  report.details = ssd_details(counts, images, mined);
  return report;
}

}  // namespace odt::cuda
