// SPDX-License-Identifier: MIT
// The loss of predicted masks and its gradient (the API's FasterRCNNMetaArch._loss_box_classifier): of the proposals
// that are objects, the mask of the object's class against the part of the true mask that the proposal frames. The loss
// is inlined. Bits do not depend on the number of threads.
#pragma once

#include <odt/core/image.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/boxes/loss_rows.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/exec/two_stage_elements.hpp>
#include <odt/loss.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail {

/// The part of a mask (one channel, 0 or 1) that the box frames, bilinearly; 0 outside the picture.
inline void crop_mask(const image& mask, const boxf& normalized, size2 size, float* out) {
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      out[y * size.width + x] = mask_sample(mask.pixels.data(), mask.size(), normalized, size, y, x);
}

}  // namespace detail

/// What the masks of a batch's proposals are to be, [batch, capacity, height, width] into `out`; zeros for proposals
/// that are no object. `targets` are those of the proposals; `masks` are the ground truth's, `max_boxes` an image, each
/// as large as the network's input.
inline void assign_masks(thread_pool& pool, const proposals& boxes, const assigned_targets& targets,
                         std::span<const image> masks, int max_boxes, size2 mask_size, float* out) {
  const int area = mask_size.height * mask_size.width;
  pool.run(boxes.batch * boxes.capacity, [&](int row, int) {
    const int image = row / boxes.capacity, match = targets.match[row];
    float* const own = out + std::ptrdiff_t{1} * row * area;
    if (row % boxes.capacity >= boxes.counts[image] || match < 0)
      std::fill_n(own, area, 0.0f);
    else
      detail::crop_mask(masks[static_cast<std::size_t>(image * max_boxes + match)], boxes.normalized[row], mask_size,
                        own);
  });
}

/// Memory of the loss, planned once for a batch.
struct mask_loss_workspace {
  mask_loss_workspace(int batch, int proposals, size2 size, int threads)
      : costs(static_cast<std::size_t>(batch * proposals)), pixels(static_cast<std::size_t>(threads)) {
    for (auto& p : pixels) p.resize(static_cast<std::size_t>(size.height * size.width));
  }

  std::vector<double> costs;  ///< by proposal
  std::vector<std::vector<float>> pixels;
};

namespace detail {

/// What the masks of all proposals share.
template <classification_loss Loss>
struct mask_loss_pass {
  const Loss& loss;
  const proposals& boxes;
  const mask_predictions& in;
  float* gradient;
  const assigned_targets& targets;
  const float* mask_targets;
  float scale;  // of the gradient

  int area() const { return in.height * in.width; }

  /// What the mask of a proposal counts; 0: nothing.
  float weight(int row) const {
    const bool padding = row % in.proposals >= boxes.counts[row / in.proposals];
    return padding ? 0 : targets.regression_weights[row];
  }

  /// The cost of a proposal's mask, before it is normalized. `pixels` is scratch for one mask.
  double run(int row, float* pixels) const {
    const std::ptrdiff_t size = std::ptrdiff_t{1} * area() * in.classes;
    if (gradient) std::fill_n(gradient + row * size, size, 0.0f);
    if (weight(row) == 0) return 0;
    const std::ptrdiff_t own = row * size + (in.classes == 1 ? 0 : targets.classes[row] - 1);
    for (int i = 0; i < area(); ++i) pixels[i] = in.logits[own + std::ptrdiff_t{1} * i * in.classes];
    const double cost = costs(mask_targets + std::ptrdiff_t{1} * row * area(), vec(weight(row)), pixels);
    for (int i = 0; gradient && i < area(); ++i) gradient[own + std::ptrdiff_t{1} * i * in.classes] = pixels[i];
    return cost;
  }

  /// The sum of the pixels' costs; their gradients take the logits' places.
  double costs(const float* wanted, const vec& weight, float* pixels) const {
    double sum = 0;
    for (int i = 0; i < area(); i += lanes) {
      const int count = std::min(lanes, area() - i);
      const vec x = load_part(pixels + i, count), target = load_part(wanted + i, count);
      vec slope(0.0f);
      const vec cost = row_cost<vec>(
          loss, 1, weight,
          [&](int) {
            return loss_element<vec>{x, target};
          },
          [&](int, const vec& g) { slope = g; });
      store_part(pixels + i, vec(slope * vec(scale)), count);
      sum += sum_of_group(cost, count);
    }
    return sum;
  }
};

}  // namespace detail

/// What a batch, one of `shards` of a step, adds to the loss of masks, as the API reports it: times `loss_weight`,
/// divided by the pixels that count. As with the API's clones, each shard counts its own, and the loss is their mean.
/// `targets` are those of the proposals, `mask_targets` as assign_masks wrote them; `gradient` has the predictions'
/// shape, null: not wanted.
template <classification_loss Loss>
float mask_loss(thread_pool& pool, const Loss& loss, float loss_weight, const proposals& boxes,
                const mask_predictions& p, float* gradient, const assigned_targets& targets, const float* mask_targets,
                mask_loss_workspace& space, int shards = 1) {
  detail::mask_loss_pass<Loss> pass{loss, boxes, p, gradient, targets, mask_targets, 1};
  const int rows = p.batch * p.proposals;
  double pixels = 0;
  for (int row = 0; row < rows; ++row) pixels += static_cast<double>(pass.weight(row)) * pass.area();
  const double normalizer = std::max(pixels, 1.0) * shards;
  pass.scale = static_cast<float>(static_cast<double>(loss_weight) / normalizer);
  pool.run(rows, [&](int row, int thread) {
    space.costs[static_cast<std::size_t>(row)] = pass.run(row, space.pixels[static_cast<std::size_t>(thread)].data());
  });
  const double cost =
      detail::total(static_cast<std::size_t>(rows), [&space](std::size_t row) { return space.costs[row]; });
  return static_cast<float>(cost / normalizer * static_cast<double>(loss_weight));
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
