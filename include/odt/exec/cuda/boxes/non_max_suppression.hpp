// SPDX-License-Identifier: MIT
// The API's multiclass NMS of a batch, on the device from scores to detections.
#pragma once

#include <odt/core/box.hpp>
#include <odt/exec/cuda/machine/scratch.hpp>
#include <odt/post_processing.hpp>

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

namespace odt::cuda {

/// Whether the device has it. Soft NMS, whose exponentials would not be the CPU's to the last bit, runs there.
constexpr bool suppresses_on_device(const non_max_suppression_options& o) { return !o.soft(); }

/// The lists of boxes of an image that are suppressed apart: one a class, or one of all classes.
struct nms_lists {
  int count;
  int most;   ///< boxes that are selected of a list
  int total;  ///< and of the image

  constexpr nms_lists(const non_max_suppression_options& o, int anchors, int classes)
      : count(o.use_class_agnostic_nms ? 1 : classes),
        most(std::clamp(o.use_class_agnostic_nms ? o.max_total_detections : o.max_detections_per_class, 0, anchors)),
        total(std::clamp(o.max_total_detections, 0, count * most)) {}
};

/// Scored boxes of a batch, in device memory.
struct scored_batch {
  int batch = 0, anchors = 0, classes = 0;
  const boxf* boxes = nullptr;    ///< [batch, anchors]
  const float* scores = nullptr;  ///< [batch, classes, anchors]
  const boxf* windows = nullptr;  ///< [batch] that detections are clipped to
};

/// A detection, but for what only the host adds.
struct found_box {
  boxf bounds;
  int label = 0;
  float score = 0;
  int anchor = -1;
};

/// What is found, in one piece of memory: that of the device, or the host's copy.
struct found_batch {
  int most;          ///< detections of an image
  int* counts;       ///< [batch]
  found_box* found;  ///< [batch, most], the first counts[i] of image i, best first
  std::int64_t bytes;

  /// Lies at `memory`; null only measures.
  found_batch(void* memory, int batch, int capacity) : most(capacity) {
    scratch_space space(memory);
    counts = space.take<int>(batch);
    found = space.take<found_box>(std::int64_t{1} * batch * most);
    bytes = space.used();
  }
};

/// Bytes of scratch memory for multiclass_non_max_suppression.
std::int64_t nms_scratch_bytes(const non_max_suppression_options& options, int batch, int anchors, int classes);

/// Selects for every image what cpu::multiclass_non_max_suppression does, exactly. The options are such that
/// suppresses_on_device; out.most is the total of nms_lists.
void multiclass_non_max_suppression(cudaStream_t stream, const non_max_suppression_options& options,
                                    const scored_batch& in, void* scratch, const found_batch& out);

}  // namespace odt::cuda
