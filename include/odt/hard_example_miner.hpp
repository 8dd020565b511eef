// SPDX-License-Identifier: MIT
// Hard example mining (Liu et al., arXiv:1512.02325, section 2.2; Shrivastava et al., arXiv:1604.03540): only the
// anchors with the largest losses count, thinned out by non-maximum suppression on their decoded boxes, and only so
// many negatives for every positive. The choice is a run-time value; the selection of an image is in exec/.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/settings.hpp>

#include <cstdint>
#include <string>

namespace odt {

/// Which loss ranks the anchors: both (weighted), or one.
enum class mining_loss : std::uint8_t { both, classification, localization };

/// The message `hard_example_miner`; defaults are the schema's.
struct hard_example_miner {
  int num_hard_examples = 64;  ///< at most so many an image; 0: all
  float iou_threshold = 0.7f;
  mining_loss ranks_by = mining_loss::both;
  int max_negatives_per_positive = 0;  ///< 0: no limit on negatives
  int min_negatives_per_image = 0;

  static hard_example_miner from(const settings& message) {
    hard_example_miner m;
    message.read = true;
    m.num_hard_examples = message.get<int>("num_hard_examples");
    m.iou_threshold = message.get<float>("iou_threshold");
    m.max_negatives_per_positive = message.get<int>("max_negatives_per_positive");
    m.min_negatives_per_image = message.get<int>("min_negatives_per_image");
    const auto type = message.get<std::string>("loss_type");
    if (type == "BOTH")
      m.ranks_by = mining_loss::both;
    else if (type == "CLASSIFICATION")
      m.ranks_by = mining_loss::classification;
    else if (type == "LOCALIZATION")
      m.ranks_by = mining_loss::localization;
    else
      fail(message.at("loss_type").where(), type, " is not available; there are BOTH, CLASSIFICATION, LOCALIZATION");
    return m;
  }
};

}  // namespace odt
