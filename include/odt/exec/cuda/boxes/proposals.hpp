// SPDX-License-Identifier: MIT
// From a first stage's predictions to proposals, but for the coder of their boxes.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/exec/cuda/boxes/non_max_suppression.hpp>
#include <odt/exec/cuda/machine/scratch.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/faster_rcnn/loss_options.hpp>

#include <algorithm>
#include <cstdint>

namespace odt::cuda {

/// An anchor_selection in device memory.
struct selected_anchors {
  const boxf* boxes = nullptr;  ///< [count] in pixels
  const int* rows = nullptr;    ///< [count]
  int count = 0;
  int all = 0;  ///< anchors of the grid
};

/// Room for the proposals of a batch.
inline proposals take_proposals(scratch_space& space, int batch, int capacity) {
  const std::int64_t all = std::int64_t{1} * batch * capacity;
  proposals p{.batch = batch, .capacity = capacity};
  p.counts = space.take<int>(batch), p.boxes = space.take<boxf>(all), p.normalized = space.take<boxf>(all);
  p.scores = space.take<float>(all);
  return p;
}

/// Writes the ground truth's boxes in pixels, where `out` has room for all of its capacity; all in device memory.
void put_in_pixels(cudaStream_t stream, const ground_truth& truth, size2 input, boxf* out);

namespace detail {

/// The suppression of an image's proposals as that of detections of a single class.
constexpr non_max_suppression_options suppression_of(const first_stage_options& o, int capacity) {
  non_max_suppression_options how;
  how.score_threshold = o.nms_score_threshold, how.iou_threshold = o.nms_iou_threshold;
  how.max_detections_per_class = how.max_total_detections = std::min(o.max_proposals, capacity);
  how.change_coordinate_frame = false;
  return how;
}

/// Memory of a batch while it is proposed.
struct proposal_memory {
  boxf* boxes;    // [batch, anchors]
  float* scores;  // [batch, anchors]
  void* suppression;
  found_batch found;
  std::int64_t bytes;

  proposal_memory(void* scratch, const non_max_suppression_options& how, int batch, int anchors)
      : found(nullptr, batch, nms_lists(how, anchors, 1).total) {
    scratch_space space(scratch);
    const std::int64_t rows = std::int64_t{1} * batch * anchors;
    boxes = space.take<boxf>(rows), scores = space.take<float>(rows);
    suppression = space.take<std::byte>(nms_scratch_bytes(how, batch, anchors, 1));
    found = found_batch(space.take<std::byte>(found.bytes), batch, found.most);
    bytes = space.used();
  }
};

/// Suppresses decoded and scored boxes, and writes what is left.
void suppress_proposals(cudaStream_t stream, const non_max_suppression_options& how, int anchors, size2 input,
                        const boxf* windows, const proposal_memory& memory, const proposals& out);

}  // namespace detail

/// Bytes of scratch memory for propose.
inline std::int64_t proposal_scratch_bytes(const first_stage_options& o, int batch, int anchors, int capacity) {
  return detail::proposal_memory(nullptr, detail::suppression_of(o, capacity), batch, anchors).bytes;
}

}  // namespace odt::cuda
