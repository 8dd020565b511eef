// SPDX-License-Identifier: MIT
// Keeps the best of boxes that overlap, as TensorFlow's NonMaxSuppression ops and the API's multiclass NMS do.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/box.hpp>
#include <odt/core/rank.hpp>
#include <odt/exec/cpu/machine/isa.hpp>
#include <odt/post_processing.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Memory for suppressing, reused from call to call. It grows when a call needs more than was reserved; calls that fit
/// allocate nothing. What it holds is the algorithm's own.
struct nms_workspace {
  nms_workspace() = default;
  explicit nms_workspace(int boxes) { reserve(boxes); }

  /// Room for that many boxes.
  void reserve(int boxes);

  struct waiting {  // in soft NMS, in a heap whose top is the best
    float score;
    int index;
    friend bool operator<(const waiting& a, const waiting& b) {
      return a.score < b.score || (a.score == b.score && a.index > b.index);
    }
  };

  std::vector<waiting> heap;
  std::vector<rank_key> keys, merged;
  std::vector<float> suppressors;  // selected boxes with an area, in blocks
  std::vector<int> next_blocks;
  std::vector<float> class_scores, selected_scores;
  std::vector<boxf> class_boxes;
  detections best;
  std::vector<int> selected, labels, begun;  // begun: for soft NMS, which suppressors a box has met
};

/// Indices of boxes whose score is above `score_threshold` (-infinity is allowed), best first, ties by lower index,
/// without those whose IoU with a better selected one is above `iou_threshold`; at most `max_output`. Lives in the
/// workspace until its next use. Boxes may have their corners swapped; one without area neither suppresses nor is
/// suppressed.
std::span<const int> non_max_suppression(std::span<const boxf> boxes, std::span<const float> scores,
                                         float iou_threshold, float score_threshold, int max_output,
                                         nms_workspace& space);

/// What soft NMS selects; scores are the lowered ones.
struct nms_selection {
  std::span<const int> indices;
  std::span<const float> scores;
};

/// Soft NMS (Bodla et al., 2017): a selected box multiplies the scores of others by exp(-IoU^2 / (2 sigma)). As in
/// TensorFlow there is no IoU threshold: boxes go when their score is no longer above `score_threshold`.
nms_selection soft_non_max_suppression(std::span<const boxf> boxes, std::span<const float> scores,
                                       float score_threshold, float sigma, int max_output, nms_workspace& space);

/// Scored boxes of one image.
struct scored_boxes {
  const boxf* boxes = nullptr;    ///< [count, boxes_per_row]
  const float* scores = nullptr;  ///< [count, classes], rows `score_stride` apart
  int count = 0;
  int classes = 0;
  std::ptrdiff_t score_stride = 0;
  int boxes_per_row = 1;  ///< 1, or `classes` where each class has a box of its own
};

/// The API's multiclass (or, by the options, class-agnostic) NMS of one image: per class, then all by score, clipped to
/// the window (then boxes without area and scores below 0 go), the best max_total_detections, relative to the window if
/// the options say so. Without a window nothing is clipped. `out` is replaced.
void multiclass_non_max_suppression(const scored_boxes& in, const non_max_suppression_options& options,
                                    const std::optional<boxf>& window, nms_workspace& space, detections& out);

/// The smallest window that holds all boxes: the clip window of a batch that gives none.
boxf enclosing_window(std::span<const boxf> boxes);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/boxes/non_max_suppression.ipp>
#endif
