// SPDX-License-Identifier: MIT
// The kernels of a two-stage detector's boxes behind plain functions: host memory in, host memory out, as the CPU's
// functions take it. nvcc compiles them (two_stage_boxes.cu), the tests call them.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/exec/anchor_selection.hpp>
#include <odt/exec/balanced_sampler.hpp>
#include <odt/exec/cuda/boxes/two_stage_losses.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/faster_rcnn/loss_options.hpp>

#include <cstdint>
#include <vector>

namespace odt::test {

void propose_on_gpu(const anchor_selection& anchors, const first_stage_options& o, const rpn_predictions& in,
                    size2 input, const std::vector<boxf>& windows, const proposals& out);

void sample_anchors_on_gpu(const balanced_sampler& how, std::uint64_t seed, std::uint64_t first_sample, int anchors,
                           const assigned_targets& targets, const samples& out);

/// Matches proposals of at least that similarity, then samples them.
void sample_proposals_on_gpu(float threshold, const balanced_sampler& how, std::uint64_t seed,
                             std::uint64_t first_sample, const ground_truth& truth, size2 input, const proposals& in,
                             const proposals& out);
void assign_proposals_on_gpu(float threshold, const ground_truth& truth, const proposals& in,
                             const assigned_targets& out);

/// Losses of softmax and smooth L1; gradients are written where they are wanted.
two_stage_losses rpn_loss_on_gpu(const first_stage_options& o, const anchor_selection& anchors,
                                 const rpn_predictions& in, const rpn_prediction_gradients& gradients,
                                 const assigned_targets& targets, const samples& sampled);
two_stage_losses box_classifier_loss_on_gpu(const second_stage_options& o, const proposals& boxes,
                                            const box_classifier_predictions& in,
                                            const box_classifier_gradients& gradients, const assigned_targets& targets);

/// Of sigmoid; what the masks are to be is written to `wanted`.
float mask_loss_on_gpu(float weight, const proposals& boxes, const mask_predictions& in, float* gradient,
                       const assigned_targets& targets, const std::vector<image>& masks, int max_boxes, float* wanted);

}  // namespace odt::test
