// SPDX-License-Identifier: MIT
// The report of a two-stage detector's step, on any device.
#pragma once

#include <odt/core/target.hpp>
#include <odt/detector.hpp>

#include <array>
#include <cstddef>

namespace odt {

/// The losses as the API reports them: weighted, normalized.
struct two_stage_losses {
  float rpn_localization = 0;
  float rpn_objectness = 0;
  float localization = 0;  ///< of the second stage
  float classification = 0;
  float masks = 0;

  static constexpr std::size_t count = 5;
  constexpr two_stage_losses() = default;
  explicit constexpr two_stage_losses(const std::array<double, count>& n)
      : rpn_localization(static_cast<float>(n[0])),
        rpn_objectness(static_cast<float>(n[1])),
        localization(static_cast<float>(n[2])),
        classification(static_cast<float>(n[3])),
        masks(static_cast<float>(n[4])) {}
  constexpr std::array<double, count> numbers() const {
    return {rpn_localization, rpn_objectness, localization, classification, masks};
  }

  ODT_HD constexpr float sum() const {
    return rpn_localization + rpn_objectness + localization + classification + masks;
  }
};

/// Of a detector with or without a second stage and masks; `penalty` is the regularization loss.
inline step_report make_report(const two_stage_losses& found, float penalty, bool second_stage, bool masks) {
  step_report report;
  report.losses = {{"Loss/RPNLoss/localization_loss", found.rpn_localization},
                   {"Loss/RPNLoss/objectness_loss", found.rpn_objectness}};
  if (second_stage) {
    report.losses.emplace_back("Loss/BoxClassifierLoss/localization_loss", found.localization);
    report.losses.emplace_back("Loss/BoxClassifierLoss/classification_loss", found.classification);
  }
  if (masks) report.losses.emplace_back("Loss/BoxClassifierLoss/mask_loss", found.masks);
  report.losses.emplace_back("Loss/regularization_loss", penalty);
  report.total_loss = found.sum() + penalty;
  return report;
}

}  // namespace odt
