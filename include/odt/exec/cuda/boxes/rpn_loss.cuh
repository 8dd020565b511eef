// SPDX-License-Identifier: MIT
// Both losses of a first stage and their gradients, on a sample of the anchors: a warp works on an anchor. The losses
// are inlined.
#pragma once

#include <odt/exec/cuda/boxes/loss_rows.cuh>
#include <odt/exec/cuda/boxes/proposals.hpp>
#include <odt/exec/cuda/boxes/two_stage_losses.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/exec/two_stage_elements.hpp>
#include <odt/faster_rcnn/loss_options.hpp>

#include <cstddef>
#include <cstdint>

namespace odt::cuda {

namespace detail {

/// Sets gradients to 0, where they are wanted.
inline void clear_gradient(cudaStream_t stream, float* gradient, std::int64_t count) {
  if (!gradient || count == 0) return;
  check(cudaMemsetAsync(gradient, 0, static_cast<std::size_t>(count) * sizeof(float), stream), "cudaMemsetAsync");
}

/// The weights of a stage's losses.
struct stage_weights {
  float localization, classification;
};

template <int CodeSize, class Objectness, class Localization>
__global__ __launch_bounds__(loss_threads) void sampled_anchor_losses(Objectness objectness, Localization localization,
                                                                      stage_weights weights, selected_anchors anchors,
                                                                      rpn_predictions in, rpn_prediction_gradients out,
                                                                      assigned_targets t, samples sampled,
                                                                      row_costs costs) {
  each_row_of_warp(std::int64_t{1} * in.batch * sampled.capacity, [&](std::int64_t row) {
    const std::int64_t image = row / sampled.capacity;
    const int count = sampled.counts[image];
    float loc = 0, obj = 0;
    if (row % sampled.capacity < count) {
      const int a = sampled.indices[row];
      const std::int64_t at = image * in.anchors + anchors.rows[a], own = image * anchors.count + a;
      const float normalizer = image_normalizer(count, static_cast<float>(in.batch));
      const float box_scale = weights.localization / normalizer, object_scale = weights.classification / normalizer;
      const float *const codes = in.encodings + at * CodeSize, *const wanted = t.regression + own * CodeSize;
      loc = warp_row_cost(
          localization, CodeSize, t.regression_weights[own],
          [&](int c) {
            return loss_element<float>{codes[c], wanted[c]};
          },
          [&](int c, float g) {
            if (out.encodings) out.encodings[at * CodeSize + c] = g * box_scale;
          });
      const int target = t.classes[own] > 0 ? 1 : 0;
      obj = warp_row_cost(
          objectness, 2, 1.0f,
          [&](int c) {
            return loss_element<float>{in.objectness[2 * at + c], c == target ? 1.0f : 0.0f};
          },
          [&](int c, float g) {
            if (out.objectness) out.objectness[2 * at + c] = g * object_scale;
          });
    }
    if (threadIdx.x % 32 == 0) costs.localization[row] = loc, costs.classification[row] = obj;
  });
}

}  // namespace detail

/// The losses of a batch, by sampled anchor, and where they are wanted their gradients, of all anchors of the grid:
/// zeros where not sampled. `targets` are of the selection's anchors, in their classes 0 or any object.
template <int CodeSize = 4, classification_loss Objectness, localization_loss Localization>
void rpn_loss(cudaStream_t stream, const Objectness& objectness, const Localization& localization,
              const first_stage_options& o, const selected_anchors& anchors, const rpn_predictions& in,
              const rpn_prediction_gradients& gradients, const assigned_targets& targets, const samples& sampled,
              const row_costs& costs) {
  using namespace detail;
  const std::int64_t all = std::int64_t{1} * in.batch * in.anchors;
  clear_gradient(stream, gradients.encodings, all * CodeSize);
  clear_gradient(stream, gradients.objectness, all * 2);
  const stage_weights weights{o.localization_loss_weight, o.objectness_loss_weight};
  sampled_anchor_losses<CodeSize>
      <<<blocks_of_rows(std::int64_t{1} * in.batch * sampled.capacity), loss_threads, 0, stream>>>(
          objectness, localization, weights, anchors, in, gradients, targets, sampled, costs);
  check_launch("rpn_loss");
}

}  // namespace odt::cuda
