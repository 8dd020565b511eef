// SPDX-License-Identifier: MIT
// Both losses of a second stage and their gradients (the API's FasterRCNNMetaArch._loss_box_classifier): on every
// proposal, a box only where the proposal is an object, and then the box of the object's class; for each image divided
// by its number of proposals, averaged over the batch. The losses are inlined. Bits do not depend on the number of
// threads.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/boxes/loss_rows.hpp>
#include <odt/exec/cpu/boxes/mining.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/exec/two_stage_elements.hpp>
#include <odt/faster_rcnn/loss_options.hpp>
#include <odt/loss.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// The two losses as the API reports them: weighted, normalized.
struct box_classifier_losses_report {
  float localization = 0;
  float classification = 0;
};

/// Memory of the loss, planned once for a batch.
struct box_classifier_loss_workspace {
  box_classifier_loss_workspace(int batch, int proposals, int classes, int threads)
      : costs(static_cast<std::size_t>(batch)), memories(static_cast<std::size_t>(threads)) {
    const auto n = static_cast<std::size_t>(proposals);
    for (memory& m : memories) {
      m.tile.resize(static_cast<std::size_t>(padded(std::max(classes + 1, 16))) * lanes);
      m.localization.resize(n);
      m.classification.resize(n);
      m.kept.resize(n);
      m.miner.suppression.reserve(proposals);
      m.miner.losses.resize(n);
      m.miner.selected.reserve(n);
    }
  }

  /// One thread's: costs of an image's proposals, normalized, and which of them count.
  struct memory {
    aligned_vector<float> tile;
    std::vector<float> localization, classification, kept;
    mining_workspace miner;
  };

  std::vector<std::array<double, 2>> costs;  ///< by image: localization and classification
  std::vector<memory> memories;
};

namespace detail {

/// What the losses of all images share.
template <classification_loss Classification, localization_loss Localization, int CodeSize>
struct box_classifier_loss_pass {
  const Classification& classification;
  const Localization& localization;
  const second_stage_options& options;
  const box_classifier_predictions& in;
  const box_classifier_gradients& out;
  const assigned_targets& targets;
  const proposals& boxes;
  float images;  // of the batch, or of those of all ranks

  using memory = box_classifier_loss_workspace::memory;

  std::array<double, 2> run(int image, memory& mine) const {
    const int count = boxes.counts[image];
    const float normalizer = image_normalizer(count, images);
    clear(image);
    // With a miner, the API's loss is that of the first image alone: its loop over the images returns in the first
    // pass.
    if (options.miner && image > 0) return {};
    class_costs(image, count, options.classification_loss_weight / normalizer, mine);
    box_costs(image, count, options.localization_loss_weight / normalizer, mine);
    for (std::size_t r = 0; r < static_cast<std::size_t>(count); ++r) {
      mine.classification[r] /= normalizer;
      mine.localization[r] /= normalizer;
    }
    if (options.miner) keep_hard_ones(image, count, mine);
    const auto n = static_cast<std::size_t>(count);
    return {total(n, [&](std::size_t r) { return mine.localization[r]; }),
            total(n, [&](std::size_t r) { return mine.classification[r]; })};
  }

  std::ptrdiff_t first_row(int image) const { return std::ptrdiff_t{1} * image * in.proposals; }

  void class_costs(int image, int count, float scale, memory& mine) const {
    for (int from = 0; from < count; from += lanes) {
      anchor_group group;
      for (int r = from; r < std::min(from + lanes, count); ++r) group.add(first_row(image) + r);
      const vec own = load_group(targets.classes, group);
      const vec cost = rows_cost(
          classification, in.logits, group, in.class_slots(), load_group(targets.class_weights, group), scale,
          [&own](int c) { return class_target(own, c, true, false); }, out.logits, mine.tile.data());
      store_group(mine.classification.data(), cost, group, first_row(image));
    }
  }

  /// Of the proposals that are objects.
  void box_costs(int image, int count, float scale, memory& mine) const {
    std::fill_n(mine.localization.begin(), count, 0.0f);
    anchor_group group;
    for (int r = 0; r < count; ++r) {
      if (targets.regression_weights[first_row(image) + r] != 0) group.add(first_row(image) + r);
      if (group.count == 0 || (!group.full() && r + 1 < count)) continue;
      box_costs(group, image, scale, mine);
      group.count = 0;
    }
  }

  void box_costs(const anchor_group& group, int image, float scale, memory& mine) const {
    anchor_group codes;  // of the predicted boxes
    for (int i = 0; i < group.count; ++i)
      codes.add(group.row(i) * in.box_slots() + (in.shared_boxes ? 0 : targets.classes[group.row(i)] - 1));
    alignas(64) float wanted[static_cast<std::size_t>(padded(CodeSize)) * lanes];
    load_rows(targets.regression, group, CodeSize, wanted);
    const vec cost = rows_cost(
        localization, in.encodings, codes, CodeSize, load_group(targets.regression_weights, group), scale,
        [&wanted](int c) { return vec::load_aligned(wanted + c * lanes); }, out.encodings, mine.tile.data());
    store_group(mine.localization.data(), cost, group, first_row(image));
  }

  /// Costs and gradients of the proposals that mining does not keep become 0.
  void keep_hard_ones(int image, int count, memory& mine) const {
    const auto n = static_cast<std::size_t>(count);
    const auto rank_by = options.miner->ranks_by;
    for (std::size_t r = 0; r < n; ++r) {
      const float cls = mine.classification[r], loc = mine.localization[r];
      mine.miner.losses[r] = rank_by == mining_loss::both
                                 ? cls * options.classification_loss_weight + loc * options.localization_loss_weight
                             : rank_by == mining_loss::classification ? cls
                                                                      : loc;
    }
    hard_example_miner how = *options.miner;
    how.max_negatives_per_positive = 0;  // the API gives its miner no matches here
    const mined_image mined = cpu::mine(how, {boxes.boxes + first_row(image), n}, std::span(mine.miner.losses).first(n),
                                        {targets.match + first_row(image), n}, mine.miner);
    std::fill_n(mine.kept.begin(), n, 0.0f);
    for (const int r : mined.selected) mine.kept[static_cast<std::size_t>(r)] = 1;
    for (std::size_t r = 0; r < n; ++r)
      if (mine.kept[r] == 0) drop(image, r, mine);
  }

  void drop(int image, std::size_t r, memory& mine) const {
    const std::ptrdiff_t row = first_row(image) + static_cast<std::ptrdiff_t>(r);
    mine.classification[r] = mine.localization[r] = 0;
    if (out.logits) std::fill_n(out.logits + row * in.class_slots(), in.class_slots(), 0.0f);
    if (out.encodings) std::fill_n(out.encodings + row * in.box_slots() * CodeSize, in.box_slots() * CodeSize, 0.0f);
  }

  void clear(int image) const {
    const std::ptrdiff_t codes = std::ptrdiff_t{CodeSize} * in.box_slots(), columns = in.class_slots();
    if (out.encodings) std::fill_n(out.encodings + first_row(image) * codes, in.proposals * codes, 0.0f);
    if (out.logits) std::fill_n(out.logits + first_row(image) * columns, in.proposals * columns, 0.0f);
  }
};

}  // namespace detail

/// What a batch, one of `shards` of a step, adds to the losses. `targets` are those of the proposals; padded proposals
/// cost nothing, and their gradients are 0.
template <int CodeSize = 4, classification_loss Classification, localization_loss Localization>
box_classifier_losses_report box_classifier_loss(thread_pool& pool, const Classification& classification,
                                                 const Localization& localization, const second_stage_options& o,
                                                 const proposals& boxes, const box_classifier_predictions& p,
                                                 const box_classifier_gradients& gradients,
                                                 const assigned_targets& targets, box_classifier_loss_workspace& space,
                                                 int shards = 1) {
  const float images = static_cast<float>(p.batch) * static_cast<float>(shards);
  const detail::box_classifier_loss_pass<Classification, Localization, CodeSize> pass{
      classification, localization, o, p, gradients, targets, boxes, images};
  pool.run(p.batch, [&](int i, int thread) {
    space.costs[static_cast<std::size_t>(i)] = pass.run(i, space.memories[static_cast<std::size_t>(thread)]);
  });
  double sums[2] = {};
  for (const auto& costs : space.costs) sums[0] += costs[0], sums[1] += costs[1];
  return {static_cast<float>(sums[0] * o.localization_loss_weight),
          static_cast<float>(sums[1] * o.classification_loss_weight)};
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
