// SPDX-License-Identifier: MIT
// Both losses of an SSD and their gradients, from logits, encodings and targets. The losses and the coder are inlined;
// sixteen (or eight) anchors are worked on at once. Bits do not depend on the number of threads.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/boxes/assign.hpp>
#include <odt/exec/cpu/boxes/decode.hpp>
#include <odt/exec/cpu/boxes/loss_rows.hpp>
#include <odt/exec/cpu/boxes/mining.hpp>
#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/exec/ssd_predictions.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/loss.hpp>
#include <odt/ssd/loss_options.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// The two losses as the API reports them (weighted, normalized), and what mining kept.
struct ssd_losses_report {
  float localization = 0;
  float classification = 0;
  double mined_positives = 0;  ///< of all images together
  double mined_negatives = 0;
};

/// Memory of the loss, planned once for a batch.
struct ssd_loss_workspace {
  ssd_loss_workspace(int batch, int anchors, int class_slots, int threads)
      : classification(static_cast<std::size_t>(batch) * static_cast<std::size_t>(anchors)),
        localization(classification.size()),
        kept(classification.size()),
        mined(static_cast<std::size_t>(batch)),
        tiles(static_cast<std::size_t>(threads)),
        miners(static_cast<std::size_t>(threads)) {
    for (auto& tile : tiles) tile.resize(static_cast<std::size_t>(padded(std::max(class_slots, 16))) * lanes);
    for (auto& miner : miners) {
      miner.suppression.reserve(anchors);
      miner.boxes.resize(static_cast<std::size_t>(anchors));
      miner.losses.resize(static_cast<std::size_t>(anchors));
      miner.selected.reserve(static_cast<std::size_t>(anchors));
    }
  }

  std::vector<float> classification, localization;  ///< [batch, anchors] weighted costs, before mining
  std::vector<float> kept;                          ///< [batch, anchors] 1 where an anchor counts
  std::vector<std::array<int, 2>> mined;            ///< by image: positives and negatives kept
  std::vector<aligned_vector<float>> tiles;
  std::vector<mining_workspace> miners;
};

namespace detail {

/// Mines one image: marks the anchors that count.
template <box_coder BoxCoder>
void mine_image(const hard_example_miner& how, const ssd_loss_options& o, const BoxCoder& coder,
                std::span<const boxf> anchors, const ssd_predictions& p, const int* match, int image_index,
                ssd_loss_workspace& space, mining_workspace& mine_space) {
  const std::size_t n = anchors.size(), first = static_cast<std::size_t>(image_index) * n;
  decode_boxes(coder, p.encodings + first * BoxCoder::code_size, anchors, mine_space.boxes.data());
  for (std::size_t a = 0; a < n; ++a) {
    const float cls = space.classification[first + a], loc = space.localization[first + a];
    mine_space.losses[a] = how.ranks_by == mining_loss::both
                               ? cls * o.classification_weight + loc * o.localization_weight
                           : how.ranks_by == mining_loss::classification ? cls
                                                                         : loc;
  }
  const mined_image result = mine(how, mine_space.boxes, mine_space.losses, {match + first, n}, mine_space);
  std::fill_n(space.kept.begin() + static_cast<std::ptrdiff_t>(first), n, 0.0f);
  for (const int a : result.selected) space.kept[first + static_cast<std::size_t>(a)] = 1.0f;
  space.mined[static_cast<std::size_t>(image_index)] = {result.positives, result.negatives};
}

/// What the two passes over the anchors share.
template <classification_loss Classification, localization_loss Localization, int CodeSize>
struct ssd_loss_passes {
  const Classification& classes;
  const Localization& boxes;
  const ssd_loss_options& options;
  const ssd_predictions& in;
  const ssd_prediction_gradients& out;
  const assigned_targets& targets;
  float class_scale, box_scale;  // of the gradients

  /// Anchors that one thread works on in a row.
  static constexpr int segment = 512;
  int segments() const { return (in.anchors + segment - 1) / segment; }
  int chunks() const { return in.batch * segments(); }

  /// Calls body(row) for the rows of a chunk.
  template <class Body>
  void each_row(int chunk, const Body& body) const {
    const int first = chunk % segments() * segment;
    const std::ptrdiff_t image_row = std::ptrdiff_t{1} * (chunk / segments()) * in.anchors;
    for (int a = first; a < std::min(first + segment, in.anchors); ++a) body(image_row + a);
  }

  /// Costs of a group into `space` where given, gradients where wanted.
  void run(const anchor_group& group, bool gradients, ssd_loss_workspace* space, float* tile) const {
    float* class_out = gradients ? out.logits : nullptr;
    float* box_out = gradients ? out.encodings : nullptr;
    const vec own = load_group(targets.classes, group);
    const vec class_cost = rows_cost(
        classes, in.logits, group, in.class_slots, load_group(targets.class_weights, group), class_scale,
        [&](int c) { return class_target(own, c, options.add_background_class, options.encode_background_as_zeros); },
        class_out, tile);
    alignas(64) float codes[static_cast<std::size_t>(padded(CodeSize)) * lanes];
    load_rows(targets.regression, group, CodeSize, codes);
    const vec box_cost = rows_cost(
        boxes, in.encodings, group, CodeSize, load_group(targets.regression_weights, group), box_scale,
        [&codes](int c) { return vec::load_aligned(codes + c * lanes); }, box_out, tile);
    if (!space) return;
    store_group(space->classification.data(), class_cost, group);
    store_group(space->localization.data(), box_cost, group);
  }

  /// All anchors of a chunk.
  void all(int chunk, bool gradients, ssd_loss_workspace& space, float* tile) const {
    anchor_group group;
    const auto flush = [&] {
      if (group.count > 0) run(group, gradients, &space, tile);
      group.count = 0;
    };
    each_row(chunk, [&](std::ptrdiff_t row) {
      group.add(row);
      if (group.full()) flush();
    });
    flush();
  }

  /// Gradients of the anchors of a chunk that mining kept, zeros for the others.
  void kept(int chunk, const float* kept_anchors, float* tile) const {
    anchor_group group;
    const auto flush = [&] {
      if (group.count > 0) run(group, true, nullptr, tile);
      group.count = 0;
    };
    each_row(chunk, [&](std::ptrdiff_t row) {
      if (kept_anchors[row] != 0)
        group.add(row);
      else
        clear(row);
      if (group.full()) flush();
    });
    flush();
  }

  void clear(std::ptrdiff_t row) const {
    if (out.logits) std::fill_n(out.logits + row * in.class_slots, in.class_slots, 0.0f);
    if (out.encodings) std::fill_n(out.encodings + row * CodeSize, CodeSize, 0.0f);
  }
};

}  // namespace detail

/// The weights of a batch's matches, by whose sum over the batches of a step its losses are divided.
inline double total_matches(std::size_t rows, const assigned_targets& t) {
  return detail::total(rows, [&t](std::size_t i) { return t.regression_weights[i]; });
}

/// What a batch adds to the losses of a step with that many matches in all. With mining, costs come first, and
/// gradients only for the anchors that were kept.
template <classification_loss Classification, localization_loss Localization, box_coder BoxCoder>
ssd_losses_report ssd_loss(thread_pool& pool, const Classification& classes, const Localization& boxes,
                           const BoxCoder& coder, const ssd_loss_options& o, std::span<const boxf> anchors,
                           const ssd_predictions& p, const ssd_prediction_gradients& gradients,
                           const assigned_targets& t, double matches, ssd_loss_workspace& space) {
  const std::size_t rows = static_cast<std::size_t>(p.batch) * static_cast<std::size_t>(p.anchors);
  ssd_losses_report report;
  const auto normalizer = static_cast<float>(o.normalize_loss_by_num_matches ? std::max(matches, 1.0) : 1.0);
  const float class_scale = o.classification_weight / normalizer;
  const float box_scale =
      o.localization_weight / (o.normalize_loc_loss_by_codesize ? normalizer * BoxCoder::code_size : normalizer);

  const bool mining = o.miner.has_value();
  const detail::ssd_loss_passes<Classification, Localization, BoxCoder::code_size> passes{
      classes, boxes, o, p, gradients, t, class_scale, box_scale};
  const auto tile = [&space](int thread) { return space.tiles[static_cast<std::size_t>(thread)].data(); };
  pool.run(passes.chunks(), [&](int chunk, int thread) { passes.all(chunk, !mining, space, tile(thread)); });
  if (mining) {
    pool.run(p.batch, [&](int i, int thread) {
      detail::mine_image(*o.miner, o, coder, anchors, p, t.match, i, space,
                         space.miners[static_cast<std::size_t>(thread)]);
    });
    if (gradients.logits || gradients.encodings)
      pool.run(passes.chunks(), [&](int chunk, int thread) { passes.kept(chunk, space.kept.data(), tile(thread)); });
    for (const auto& [positives, negatives] : space.mined)
      report.mined_positives += positives, report.mined_negatives += negatives;
  }
  const auto sum_of = [&](const std::vector<float>& costs) {
    return detail::total(rows, [&](std::size_t i) { return mining && space.kept[i] == 0 ? 0.0f : costs[i]; });
  };
  report.classification = static_cast<float>(sum_of(space.classification) * static_cast<double>(class_scale));
  report.localization = static_cast<float>(sum_of(space.localization) * static_cast<double>(box_scale));
  return report;
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
