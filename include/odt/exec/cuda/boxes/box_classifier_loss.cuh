// SPDX-License-Identifier: MIT
// Both losses of a second stage and their gradients: a warp works on a proposal. The losses are inlined.
#pragma once

#include <odt/exec/cuda/boxes/loss_rows.cuh>
#include <odt/exec/cuda/boxes/mining.hpp>
#include <odt/exec/cuda/boxes/rpn_loss.cuh>
#include <odt/exec/cuda/boxes/two_stage_losses.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/exec/two_stage_elements.hpp>
#include <odt/faster_rcnn/loss_options.hpp>

#include <cmath>
#include <cstdint>

namespace odt::cuda {

namespace detail {

/// Memory of mining, which looks at the first image alone.
struct proposal_mining_memory {
  float* losses = nullptr;       // [proposals] that rank them; null without mining
  std::uint8_t* kept = nullptr;  // [proposals]
  mined_counts* mined = nullptr;
  void* mining = nullptr;
  std::int64_t bytes = 0;

  proposal_mining_memory(void* scratch, int proposals, bool mines) {
    if (!mines) return;
    scratch_space space(scratch);
    losses = space.take<float>(proposals), kept = space.take<std::uint8_t>(proposals);
    mined = space.take<mined_counts>(1);
    mining = space.take<std::byte>(mining_scratch_bytes(1, proposals));
    bytes = space.used();
  }
};

/// What all proposals share.
template <class Classification, class Localization, int CodeSize>
struct proposal_losses {
  Classification classification;
  Localization localization;
  stage_weights weights;
  mining_loss ranks_by;
  proposals boxes;
  box_classifier_predictions in;
  box_classifier_gradients out;
  assigned_targets t;
  row_costs costs;
  float* ranks;  // of the first image's proposals, where these are mined

  /// By a warp. With mining, the loss is that of the first image alone, as in the API.
  __device__ void run(std::int64_t row) const {
    const std::int64_t image = row / in.proposals;
    const int count = boxes.counts[image], own = static_cast<int>(row % in.proposals);
    const bool counts = own < count && !(ranks && image > 0);
    const float normalizer = image_normalizer(count, static_cast<float>(in.batch));
    const float cls = counts ? class_cost(row, weights.classification / normalizer) : 0;
    const float loc = counts && t.regression_weights[row] != 0 ? box_cost(row, weights.localization / normalizer) : 0;
    if (threadIdx.x % 32 != 0) return;
    costs.classification[row] = cls, costs.localization[row] = loc;
    if (ranks && image == 0) ranks[own] = counts ? rank(cls / normalizer, loc / normalizer) : -INFINITY;
  }

  __device__ float class_cost(std::int64_t row, float scale) const {
    const int columns = 1 + in.classes;
    const auto own = static_cast<float>(t.classes[row]);
    return warp_row_cost(
        classification, columns, t.class_weights[row],
        [&](int c) {
          return loss_element<float>{in.logits[row * columns + c], class_target(own, c, true, false)};
        },
        [&](int c, float g) {
          if (out.logits) out.logits[row * columns + c] = g * scale;
        });
  }

  /// Of the box of the target's class.
  __device__ float box_cost(std::int64_t row, float scale) const {
    const std::int64_t slot = in.shared_boxes ? row : row * in.classes + t.classes[row] - 1, first = slot * CodeSize;
    return warp_row_cost(
        localization, CodeSize, t.regression_weights[row],
        [&](int c) {
          return loss_element<float>{in.encodings[first + c], t.regression[row * CodeSize + c]};
        },
        [&](int c, float g) {
          if (out.encodings) out.encodings[first + c] = g * scale;
        });
  }

  __device__ float rank(float cls, float loc) const {
    return ranks_by == mining_loss::both             ? cls * weights.classification + loc * weights.localization
           : ranks_by == mining_loss::classification ? cls
                                                     : loc;
  }
};

template <class Losses>
__global__ __launch_bounds__(loss_threads) void proposal_costs(const __grid_constant__ Losses losses) {
  each_row_of_warp(std::int64_t{1} * losses.in.batch * losses.in.proposals, [&](std::int64_t row) { losses.run(row); });
}

}  // namespace detail

/// Bytes of scratch memory for box_classifier_loss.
inline std::int64_t box_classifier_loss_scratch_bytes(int proposals, bool mines) {
  return detail::proposal_mining_memory(nullptr, proposals, mines).bytes;
}

namespace detail {

/// Costs and gradients of the first image's proposals that mining does not keep become 0.
void drop_easy_proposals(cudaStream_t stream, const std::uint8_t* kept, int code_size,
                         const box_classifier_predictions& in, const box_classifier_gradients& gradients,
                         const row_costs& costs);

}  // namespace detail

/// The losses of a batch, by proposal, and where they are wanted their gradients: every element is written. `targets`
/// are those of the proposals; padded proposals cost nothing.
template <int CodeSize = 4, classification_loss Classification, localization_loss Localization>
void box_classifier_loss(cudaStream_t stream, const Classification& classification, const Localization& localization,
                         const second_stage_options& o, const proposals& boxes, const box_classifier_predictions& in,
                         const box_classifier_gradients& gradients, const assigned_targets& targets, void* scratch,
                         const row_costs& costs) {
  using namespace detail;
  const proposal_mining_memory memory(scratch, in.proposals, o.miner.has_value());
  const std::int64_t rows = std::int64_t{1} * in.batch * in.proposals;
  clear_gradient(stream, gradients.logits, rows * in.class_slots());
  clear_gradient(stream, gradients.encodings, rows * in.box_slots() * CodeSize);
  const proposal_losses<Classification, Localization, CodeSize> losses{
      classification,
      localization,
      {o.localization_loss_weight, o.classification_loss_weight},
      o.miner ? o.miner->ranks_by : mining_loss::both,
      boxes,
      in,
      gradients,
      targets,
      costs,
      memory.losses};
  proposal_costs<<<blocks_of_rows(rows), loss_threads, 0, stream>>>(losses);
  check_launch("proposal_costs");
  if (!o.miner) return;
  hard_example_miner how = *o.miner;
  how.max_negatives_per_positive = 0;  // the API gives its miner no matches here
  mine(stream, how, 1, in.proposals, boxes.boxes, memory.losses, targets.match, memory.mining, memory.kept,
       memory.mined);
  drop_easy_proposals(stream, memory.kept, CodeSize, in, gradients, costs);
}

}  // namespace odt::cuda
