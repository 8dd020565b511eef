// SPDX-License-Identifier: MIT
// An SSD's loss as a whole, but for the losses of its two heads, which are policies.
#pragma once

#include <odt/core/settings.hpp>
#include <odt/hard_example_miner.hpp>

#include <optional>

namespace odt {

/// Fields of `model.ssd` and `model.ssd.loss`; defaults are the schema's.
struct ssd_loss_options {
  float classification_weight = 1;
  float localization_weight = 1;
  bool normalize_loss_by_num_matches = true;
  bool normalize_loc_loss_by_codesize = false;
  bool encode_background_as_zeros = false;  ///< background anchors have no 1 in the background's column
  bool add_background_class = true;         ///< column 0 of the logits is the background
  float negative_class_weight = 1;
  std::optional<hard_example_miner> miner = std::nullopt;

  /// Reads what belongs here of a `model.ssd` message.
  static ssd_loss_options from(const settings& ssd) {
    ssd_loss_options o;
    o.normalize_loss_by_num_matches = ssd.get<bool>("normalize_loss_by_num_matches");
    o.normalize_loc_loss_by_codesize = ssd.get<bool>("normalize_loc_loss_by_codesize");
    o.encode_background_as_zeros = ssd.get<bool>("encode_background_as_zeros");
    o.add_background_class = ssd.get<bool>("add_background_class");
    o.negative_class_weight = ssd.get<float>("negative_class_weight");
    if (!ssd.has("loss")) return o;
    const settings& loss = ssd.at("loss");
    o.classification_weight = loss.get<float>("classification_weight");
    o.localization_weight = loss.get<float>("localization_weight");
    // These two belong to the random example sampler, which is not available and would be refused.
    loss.at("min_num_negative_samples").accept();
    loss.at("desired_negative_sampling_ratio").accept();
    if (loss.has("hard_example_miner")) o.miner = hard_example_miner::from(loss.at("hard_example_miner"));
    return o;
  }
};

}  // namespace odt
