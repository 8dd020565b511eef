// SPDX-License-Identifier: MIT
// How a two-stage detector proposes, samples and weighs its losses; the losses themselves are policies.
#pragma once

#include <odt/core/settings.hpp>
#include <odt/exec/balanced_sampler.hpp>
#include <odt/hard_example_miner.hpp>

#include <optional>
#include <string_view>

namespace odt {

/// Fields `first_stage_*` of `model.faster_rcnn`; defaults are the schema's.
struct first_stage_options {
  balanced_sampler sampler{256, 0.5f};
  float nms_score_threshold = 0;  ///< a proposal's objectness is above this
  float nms_iou_threshold = 0.7f;
  int max_proposals = 300;
  float localization_loss_weight = 1;
  float objectness_loss_weight = 1;
  bool clip_anchors_to_image = false;  ///< in training; else anchors that cross the border are dropped

  static first_stage_options from(const settings& message) {
    first_stage_options o;
    o.sampler.size = message.get<int>("first_stage_minibatch_size");
    o.sampler.positive_fraction = message.get<float>("first_stage_positive_balance_fraction");
    o.nms_score_threshold = message.get<float>("first_stage_nms_score_threshold");
    o.nms_iou_threshold = message.get<float>("first_stage_nms_iou_threshold");
    o.max_proposals = message.get<int>("first_stage_max_proposals");
    o.localization_loss_weight = message.get<float>("first_stage_localization_loss_weight");
    o.objectness_loss_weight = message.get<float>("first_stage_objectness_loss_weight");
    o.clip_anchors_to_image = message.get<bool>("clip_anchors_to_image");
    // How the API arranges the same computation.
    message.at("use_partitioned_nms_in_first_stage").accept();
    message.at("use_combined_nms_in_first_stage").accept();
    return o;
  }
};

/// Fields `second_stage_*` of `model.faster_rcnn`, but for post-processing; defaults are the schema's.
struct second_stage_options {
  balanced_sampler sampler{64, 0.25f};
  float localization_loss_weight = 1;
  float classification_loss_weight = 1;
  float mask_prediction_loss_weight = 1;
  std::optional<hard_example_miner> miner = std::nullopt;  ///< instead of the sampler

  static second_stage_options from(const settings& message) {
    second_stage_options o;
    o.sampler.size = message.get<int>("second_stage_batch_size");
    o.sampler.positive_fraction = message.get<float>("second_stage_balance_fraction");
    o.localization_loss_weight = message.get<float>("second_stage_localization_loss_weight");
    o.classification_loss_weight = message.get<float>("second_stage_classification_loss_weight");
    o.mask_prediction_loss_weight = message.get<float>("second_stage_mask_prediction_loss_weight");
    if (message.has("hard_example_miner")) o.read_miner(message.at("hard_example_miner"));
    return o;
  }

 private:
  void read_miner(const settings& message) {
    miner = hard_example_miner::from(message);
    if (miner->max_negatives_per_positive > 0)
      fail(message.at("max_negatives_per_positive").where(), "is ", miner->max_negatives_per_positive,
           "; a second stage counts no negatives, as in the API: leave it out");
  }
};

/// Both stages'.
struct faster_rcnn_loss_options {
  first_stage_options first;
  second_stage_options second;

  /// Proposals of an image that the second stage works on.
  int second_stage_proposals(bool training) const {
    return training && !second.miner ? second.sampler.size : first.max_proposals;
  }

  /// Reads what belongs here of a `model.faster_rcnn` message.
  static faster_rcnn_loss_options from(const settings& message) {
    faster_rcnn_loss_options o{first_stage_options::from(message), second_stage_options::from(message)};
    for (const char* flag : {"use_static_balanced_label_sampler", "use_static_shapes", "use_static_shapes_for_eval"})
      message.at(flag).accept();  // how the API arranges the same computation
    o.check(message);
    return o;
  }

 private:
  void check(const settings& message) const {
    const auto refuse_below_1 = [&message](std::string_view field, int value) {
      if (value < 1) fail(message.at(field).where(), "is ", value, "; it has to be 1 or more");
    };
    const auto refuse_no_fraction = [&message](std::string_view field, float value) {
      if (!(value >= 0 && value <= 1)) fail(message.at(field).where(), value, " is not between 0 and 1");
    };
    refuse_below_1("first_stage_minibatch_size", first.sampler.size);
    refuse_below_1("first_stage_max_proposals", first.max_proposals);
    refuse_below_1("second_stage_batch_size", second.sampler.size);
    refuse_no_fraction("first_stage_positive_balance_fraction", first.sampler.positive_fraction);
    refuse_no_fraction("second_stage_balance_fraction", second.sampler.positive_fraction);
    refuse_no_fraction("first_stage_nms_iou_threshold", first.nms_iou_threshold);
    if (!second.miner && second.sampler.size > first.max_proposals)
      fail(message.at("second_stage_batch_size").where(), "is ", second.sampler.size,
           ", above first_stage_max_proposals ", first.max_proposals, "; it has to be equal or smaller");
  }
};

}  // namespace odt
