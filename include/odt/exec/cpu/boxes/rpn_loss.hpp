// SPDX-License-Identifier: MIT
// Both losses of a first stage and their gradients (the API's FasterRCNNMetaArch._loss_rpn): on a sample of the
// anchors, for each image divided by the size of its sample, averaged over the batch. The losses are inlined. Bits do
// not depend on the number of threads.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/anchor_selection.hpp>
#include <odt/exec/balanced_sampler.hpp>
#include <odt/exec/cpu/boxes/loss_rows.hpp>
#include <odt/exec/cpu/boxes/sampling.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/exec/two_stage_elements.hpp>
#include <odt/faster_rcnn/loss_options.hpp>
#include <odt/loss.hpp>
#include <odt/matcher.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// The two losses as the API reports them: weighted, normalized.
struct rpn_losses_report {
  float localization = 0;
  float objectness = 0;
};

/// Memory of sampling and loss, planned once for a batch.
struct rpn_loss_workspace {
  rpn_loss_workspace(int batch, int anchors, int threads)
      : costs(static_cast<std::size_t>(batch)),
        sampling(static_cast<std::size_t>(threads), sampling_workspace(anchors)) {}

  std::vector<std::array<double, 2>> costs;  ///< by image: localization and objectness
  std::vector<sampling_workspace> sampling;
};

/// Takes of every image's anchors (of a selection, `anchors` an image) what the sampler does, by their targets. Image
/// i's random numbers are those of sample `first_sample` + i of the run. `out` has room for how.size an image.
inline void sample_anchors(thread_pool& pool, const balanced_sampler& how, std::uint64_t seed,
                           std::uint64_t first_sample, int anchors, const assigned_targets& targets,
                           rpn_loss_workspace& space, const samples& out) {
  pool.run(out.batch, [&](int i, int thread) {
    const auto image = static_cast<std::size_t>(i);
    const std::ptrdiff_t first = std::ptrdiff_t{1} * i * anchors;
    const auto kind = [&](int a) {
      return anchor_candidate(targets.class_weights[first + a], targets.classes[first + a]);
    };
    const auto taken = sample(how, {seed, first_sample + image, first_stage_sampling}, anchors, kind,
                              space.sampling[static_cast<std::size_t>(thread)]);
    std::ranges::copy(taken, out.indices + image * static_cast<std::size_t>(out.capacity));
    out.counts[image] = static_cast<int>(taken.size());
  });
}

namespace detail {

/// What the losses of all images share.
template <classification_loss Objectness, localization_loss Localization, int CodeSize>
struct rpn_loss_pass {
  const Objectness& objectness;
  const Localization& localization;
  const anchor_selection& anchors;
  const rpn_predictions& in;
  const rpn_prediction_gradients& out;
  const assigned_targets& targets;

  /// Costs of one image's sample, not normalized, localization first; gradients are multiplied by the scales.
  std::array<double, 2> run(std::size_t image, std::span<const int> sampled, float box_scale,
                            float object_scale) const {
    std::array<double, 2> costs{};
    for (std::size_t from = 0; from < sampled.size(); from += lanes) {
      anchor_group rows, own;  // in the predictions, in the targets
      for (const int a : sampled.subspan(from, std::min<std::size_t>(lanes, sampled.size() - from))) {
        rows.add(static_cast<std::ptrdiff_t>(image) * anchors.all + anchors.rows[static_cast<std::size_t>(a)]);
        own.add(static_cast<std::ptrdiff_t>(image) * anchors.size() + a);
      }
      costs[0] += sum_of_group(box_cost(rows, own, box_scale), rows.count);
      costs[1] += sum_of_group(object_cost(rows, own, object_scale), rows.count);
    }
    return costs;
  }

  vec box_cost(const anchor_group& rows, const anchor_group& own, float scale) const {
    alignas(64) float tile[static_cast<std::size_t>(padded(CodeSize)) * lanes], codes[sizeof tile / sizeof *tile];
    load_rows(targets.regression, own, CodeSize, codes);
    return rows_cost(
        localization, in.encodings, rows, CodeSize, load_group(targets.regression_weights, own), scale,
        [&codes](int c) { return vec::load_aligned(codes + c * lanes); }, out.encodings, tile);
  }

  vec object_cost(const anchor_group& rows, const anchor_group& own, float scale) const {
    alignas(64) float tile[static_cast<std::size_t>(padded(2)) * lanes];
    const vec object = min(load_group(targets.classes, own), vec(1.0f));
    return rows_cost(
        objectness, in.objectness, rows, 2, vec(1.0f), scale,
        [&object](int c) { return c == 1 ? object : vec(1.0f) - object; }, out.objectness, tile);
  }

  void clear(std::size_t image) const {
    const auto all = static_cast<std::size_t>(anchors.all);
    if (out.encodings) std::fill_n(out.encodings + image * all * CodeSize, all * CodeSize, 0.0f);
    if (out.objectness) std::fill_n(out.objectness + image * all * 2, all * 2, 0.0f);
  }
};

}  // namespace detail

/// What a batch, one of `shards` of a step, adds to the losses. `targets` are of the selection's anchors, [batch,
/// anchors.size()], in their classes 0 or any object; gradients are of all anchors of the grid, zeros where not
/// sampled.
template <int CodeSize = 4, classification_loss Objectness, localization_loss Localization>
rpn_losses_report rpn_loss(thread_pool& pool, const Objectness& objectness, const Localization& localization,
                           const first_stage_options& o, const anchor_selection& anchors, const rpn_predictions& p,
                           const rpn_prediction_gradients& gradients, const assigned_targets& targets,
                           const samples& sampled, rpn_loss_workspace& space, int shards = 1) {
  const detail::rpn_loss_pass<Objectness, Localization, CodeSize> pass{objectness, localization, anchors,
                                                                       p,          gradients,    targets};
  const float images = static_cast<float>(p.batch) * static_cast<float>(shards);
  pool.run(p.batch, [&](int i, int) {
    const auto image = static_cast<std::size_t>(i);
    const auto count = static_cast<std::size_t>(sampled.counts[image]);
    const float normalizer = image_normalizer(sampled.counts[image], images);
    pass.clear(image);
    space.costs[image] = pass.run(image, {sampled.indices + image * static_cast<std::size_t>(sampled.capacity), count},
                                  o.localization_loss_weight / normalizer, o.objectness_loss_weight / normalizer);
    for (double& cost : space.costs[image]) cost /= normalizer;
  });
  double sums[2] = {};
  for (const auto& costs : space.costs) sums[0] += costs[0], sums[1] += costs[1];
  return {static_cast<float>(sums[0] * o.localization_loss_weight),
          static_cast<float>(sums[1] * o.objectness_loss_weight)};
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
