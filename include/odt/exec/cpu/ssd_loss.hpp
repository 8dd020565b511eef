// SPDX-License-Identifier: MIT
// Both losses of an SSD and their gradients, from logits, encodings and targets. The losses and the coder are inlined;
// sixteen (or eight) anchors are worked on at once. Bits do not depend on the number of threads.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/assign.hpp>
#include <odt/exec/cpu/mining.hpp>
#include <odt/exec/cpu/simd.hpp>
#include <odt/loss.hpp>
#include <odt/ssd/loss_options.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Predictions of a batch, and where their gradients go (null: not wanted).
struct ssd_loss_input {
  int batch = 0;
  int anchors = 0;
  int class_slots = 0;               ///< columns of the logits
  const float* logits = nullptr;     ///< [batch, anchors, class_slots]
  const float* encodings = nullptr;  ///< [batch, anchors, code_size]
  float* logits_gradient = nullptr;
  float* encodings_gradient = nullptr;
};

/// The two losses as the API reports them (weighted, normalized), and what mining kept.
struct ssd_losses_report {
  float localization = 0;
  float classification = 0;
  double normalizer = 1;
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
    for (auto& tile : tiles) tile.resize(2 * static_cast<std::size_t>(std::max(class_slots, 16)) * lanes);
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

/// Turns the rows of up to `lanes` anchors into columns of vectors: tile[column] holds one number of every anchor.
inline void load_rows(const float* rows, int count, int columns, float* tile) {
  for (int a = 0; a < lanes; ++a) {
    const float* row = rows + static_cast<std::ptrdiff_t>(std::min(a, count - 1)) * columns;
    for (int c = 0; c < columns; ++c) tile[c * lanes + a] = row[c];
  }
}

inline void store_rows(const float* tile, int count, int columns, float* rows) {
  for (int a = 0; a < count; ++a)
    for (int c = 0; c < columns; ++c) rows[static_cast<std::ptrdiff_t>(a) * columns + c] = tile[c * lanes + a];
}

/// `count` numbers as a vector, zeros behind.
inline vec load_some(const float* from, int count) { return count == lanes ? load(from) : load_part(from, count); }

inline void store_some(float* to, const vec& value, int count) {
  count == lanes ? store(to, value) : store_part(to, value, count);
}

/// Costs of up to `lanes` anchors' rows with weights; gradients, times `scale`, are written where wanted.
template <loss L, class Target>
vec rows_cost(const L& how, const float* rows, int count, int columns, const vec& weights, const vec& scale,
              const Target& target, float* gradient, float* tile) {
  load_rows(rows, count, columns, tile);
  float* gradients = tile + columns * lanes;
  const auto element = [&](int c) { return loss_element<vec>{vec::load_aligned(tile + c * lanes), target(c)}; };
  if (!gradient) return row_cost<vec>(how, columns, weights, element, [](int, const vec&) {});
  const vec cost = row_cost<vec>(how, columns, weights, element,
                                 [&](int c, const vec& g) { vec(g * scale).store_aligned(gradients + c * lanes); });
  store_rows(gradients, count, columns, gradient);
  return cost;
}

/// The target of a column of the logits: 1 in the matched class' column, and in column 0 for background. (Without a
/// column for the background, column 0 is also that of the first class: the API's labels then begin with background.)
class class_targets {
 public:
  class_targets(const int* classes, int count, const ssd_loss_options& o)
      : first_(o.add_background_class ? 0 : 1), background_(!o.encode_background_as_zeros) {
    alignas(64) float part[lanes];
    for (int a = 0; a < lanes; ++a) part[a] = static_cast<float>(classes[std::min(a, count - 1)]);
    classes_ = vec::load_aligned(part);
  }

  vec operator()(int column) const {
    const int label = column + first_;
    vec target(0.0f);
    if (label > 0) target = xsimd::select(classes_ == vec(static_cast<float>(label)), vec(1.0f), target);
    if (column == 0 && background_) target = xsimd::select(classes_ == vec(0.0f), vec(1.0f), target);
    return target;
  }

 private:
  vec classes_;
  int first_;
  bool background_;
};

/// Mines one image: marks the anchors that count.
template <box_coder BoxCoder>
void mine_image(const hard_example_miner& how, const ssd_loss_options& o, const BoxCoder& coder,
                std::span<const boxf> anchors, const ssd_loss_input& p, const int* match, int image_index,
                ssd_loss_workspace& space, mining_workspace& mine_space) {
  const std::size_t n = anchors.size(), first = static_cast<std::size_t>(image_index) * n;
  for (std::size_t a = 0; a < n; ++a) {
    const float* code = p.encodings + (first + a) * BoxCoder::code_size;
    box_code<BoxCoder, float> numbers;
    std::copy_n(code, numbers.size(), numbers.begin());
    mine_space.boxes[a] = coder.decode(numbers, anchors[a]);
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

}  // namespace detail

/// The losses of a batch. With mining, costs come first, and gradients only for the anchors that were kept.
template <classification_loss Classification, localization_loss Localization, box_coder BoxCoder>
ssd_losses_report ssd_loss(thread_pool& pool, const Classification& classes, const Localization& boxes,
                           const BoxCoder& coder, const ssd_loss_options& o, std::span<const boxf> anchors,
                           const ssd_loss_input& p, const assigned_targets& t, ssd_loss_workspace& space) {
  constexpr int code_size = BoxCoder::code_size;
  const int n = p.anchors, groups = (n + lanes - 1) / lanes;
  double matches = 0;
  for (int i = 0; i < p.batch * n; ++i) matches += static_cast<double>(t.regression_weights[i]);
  ssd_losses_report report;
  report.normalizer = o.normalize_loss_by_num_matches ? std::max(matches, 1.0) : 1.0;
  const auto normalizer = static_cast<float>(report.normalizer);
  const float class_scale = o.classification_weight / normalizer;
  const float box_scale =
      o.localization_weight / (o.normalize_loc_loss_by_codesize ? normalizer * code_size : normalizer);

  // `kept` tells which anchors send gradients; without one the costs are written too.
  const auto group_of_anchors = [&](int image_index, int group, bool gradients, const float* kept, int thread) {
    const int a = group * lanes, count = std::min(lanes, n - a);
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(image_index) * n + a;
    float* tile = space.tiles[static_cast<std::size_t>(thread)].data();
    const vec on = kept ? detail::load_some(kept + row, count) : vec(1.0f);
    float* class_out = gradients && p.logits_gradient ? p.logits_gradient + row * p.class_slots : nullptr;
    float* box_out = gradients && p.encodings_gradient ? p.encodings_gradient + row * code_size : nullptr;
    if (kept && xsimd::all(on == vec(0.0f))) {
      if (class_out) std::fill_n(class_out, static_cast<std::ptrdiff_t>(count) * p.class_slots, 0.0f);
      if (box_out) std::fill_n(box_out, static_cast<std::ptrdiff_t>(count) * code_size, 0.0f);
      return;
    }
    const vec class_cost = detail::rows_cost(
        classes, p.logits + row * p.class_slots, count, p.class_slots, detail::load_some(t.class_weights + row, count),
        vec(on * vec(class_scale)), detail::class_targets(t.classes + row, count, o), class_out, tile);
    alignas(64) float codes[static_cast<std::size_t>(code_size) * lanes];
    detail::load_rows(t.regression + row * code_size, count, code_size, codes);
    const vec box_cost = detail::rows_cost(
        boxes, p.encodings + row * code_size, count, code_size, detail::load_some(t.regression_weights + row, count),
        vec(on * vec(box_scale)), [&codes](int c) { return vec::load_aligned(codes + c * lanes); }, box_out, tile);
    if (kept) return;
    detail::store_some(space.classification.data() + row, class_cost, count);
    detail::store_some(space.localization.data() + row, box_cost, count);
  };

  const bool mining = o.miner.has_value();
  pool.run(p.batch * groups,
           [&](int i, int thread) { group_of_anchors(i / groups, i % groups, !mining, nullptr, thread); });
  if (mining) {
    pool.run(p.batch, [&](int i, int thread) {
      detail::mine_image(*o.miner, o, coder, anchors, p, t.match, i, space,
                         space.miners[static_cast<std::size_t>(thread)]);
    });
    if (p.logits_gradient)
      pool.run(p.batch * groups,
               [&](int i, int thread) { group_of_anchors(i / groups, i % groups, true, space.kept.data(), thread); });
    for (const auto& [positives, negatives] : space.mined)
      report.mined_positives += positives, report.mined_negatives += negatives;
  }
  double class_sum = 0, box_sum = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(p.batch) * static_cast<std::size_t>(n); ++i) {
    if (mining && space.kept[i] == 0) continue;
    class_sum += static_cast<double>(space.classification[i]);
    box_sum += static_cast<double>(space.localization[i]);
  }
  report.classification = static_cast<float>(class_sum * static_cast<double>(class_scale));
  report.localization = static_cast<float>(box_sum * static_cast<double>(box_scale));
  return report;
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
