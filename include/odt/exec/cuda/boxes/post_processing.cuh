// SPDX-License-Identifier: MIT
// From an SSD's predictions to detections, on the device from end to end; the coder is inlined.
#pragma once

#include <odt/exec/cuda/boxes/decode.cuh>
#include <odt/exec/cuda/boxes/post_processing.hpp>

namespace odt::cuda {

/// Bytes of scratch memory for post_process.
inline std::int64_t post_processing_scratch_bytes(const post_processing_options& options, int batch, int anchors,
                                                  int classes) {
  return post_processing_memory(nullptr, options, batch, anchors, classes).bytes;
}

/// The detections of every image of a batch, as cpu::post_process finds them; all in device memory. `windows` are
/// [batch] the true image within each padded input, normalized; the calibration is that of the options. These are such
/// that suppresses_on_device.
template <box_coder BoxCoder>
void post_process(cudaStream_t stream, const BoxCoder& coder, const boxf* anchors,
                  const post_processing_options& options, const calibration_view& calibration,
                  const ssd_predictions& in, const boxf* windows, void* scratch, const found_batch& out) {
  const post_processing_memory memory(scratch, options, in.batch, in.anchors, in.classes());
  decode_boxes(stream, coder, in.encodings, anchors, in.batch, in.anchors, memory.boxes);
  convert_scores(stream, options, calibration, in, memory.scores);
  multiclass_non_max_suppression(stream, options.suppression,
                                 {in.batch, in.anchors, in.classes(), memory.boxes, memory.scores, windows},
                                 memory.suppression, out);
}

}  // namespace odt::cuda
