// SPDX-License-Identifier: MIT
// From an SSD's predictions to detections, but for the coder of its boxes.
#pragma once

#include <odt/calibration.hpp>
#include <odt/core/batch.hpp>
#include <odt/exec/cuda/boxes/non_max_suppression.hpp>
#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/machine/scratch.hpp>
#include <odt/exec/ssd_predictions.hpp>
#include <odt/post_processing.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace odt::cuda {

/// A calibration in device memory.
class device_calibration {
 public:
  explicit device_calibration(const calibration_options& options)
      : view_(options.view()), begins_(options.begins.size()), pairs_(options.pairs.size()) {
    if (!options) return;
    check(cudaMemcpy(begins_.data(), view_.begins, begins_.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
    check(cudaMemcpy(pairs_.data(), view_.pairs, pairs_.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
    view_.begins = begins_.data(), view_.pairs = pairs_.data();
  }

  const calibration_view& view() const { return view_; }
  std::size_t bytes() const { return begins_.bytes() + pairs_.bytes(); }

 private:
  calibration_view view_;
  device_array<int> begins_;
  device_array<calibration_pair> pairs_;
};

/// Scores from logits, as cpu::convert_scores makes them, but without the background and class by class:
/// [batch, classes, anchors]. The calibration is that of the options, in device memory.
void convert_scores(cudaStream_t stream, const post_processing_options& options, const calibration_view& calibration,
                    const ssd_predictions& in, float* scores);

/// Memory of a batch in post-processing.
struct post_processing_memory {
  boxf* boxes;    // [batch, anchors]
  float* scores;  // [batch, classes, anchors]
  void* suppression;
  std::int64_t bytes;

  post_processing_memory(void* scratch, const post_processing_options& o, int batch, int anchors, int classes) {
    scratch_space space(scratch);
    const std::int64_t rows = std::int64_t{1} * batch * anchors;
    boxes = space.take<boxf>(rows), scores = space.take<float>(rows * classes);
    suppression = space.take<std::byte>(nms_scratch_bytes(o.suppression, batch, anchors, classes));
    bytes = space.used();
  }
};

/// The windows of a batch on their way to the device, and what is found on its way back: one copy each. Grows to the
/// largest batch.
class detection_buffers {
 public:
  /// Bytes of device memory for a batch of which an image has `most` detections at most.
  static std::size_t bytes_for(int batch, int most) {
    return static_cast<std::size_t>(layout(nullptr, batch, most).found.bytes) + window_bytes(batch);
  }

  /// Adds one to `generation` when memory moved.
  void reserve(int batch, int most, int& generation) {
    batch_ = batch, most_ = most;
    const std::size_t wanted = bytes_for(batch, most);
    if (wanted <= device_.size()) return;
    host_ = {}, device_ = {};
    host_ = pinned_array<std::byte>(wanted), device_ = device_array<std::byte>(wanted);
    ++generation;
  }

  /// Copies the windows of the batch, which is what was reserved for.
  void upload(cudaStream_t stream, const batch& b) {
    for (int i = 0; i < batch_; ++i) on_host().windows[i] = b.window(static_cast<std::size_t>(i));
    check(cudaMemcpyAsync(device_.data(), host_.data(), window_bytes(batch_), cudaMemcpyHostToDevice, stream),
          "cudaMemcpyAsync");
  }
  void download(cudaStream_t stream) {
    const found_batch from = on_device();
    check(cudaMemcpyAsync(on_host().found.counts, from.counts, static_cast<std::size_t>(from.bytes),
                          cudaMemcpyDeviceToHost, stream),
          "cudaMemcpyAsync");
  }

  const boxf* windows() const { return layout(device_.data(), batch_, most_).windows; }
  found_batch on_device() const { return layout(device_.data(), batch_, most_).found; }
  /// What download() brought, when the stream is done.
  std::vector<detections> found() const {
    const found_batch all = on_host().found;
    std::vector<detections> images;
    for (int i = 0; i < batch_; ++i) {
      const found_box* const first = all.found + std::ptrdiff_t{i} * most_;
      detections& own = images.emplace_back();
      for (const found_box& f : std::span(first, static_cast<std::size_t>(all.counts[i])))
        own.push_back({f.bounds, f.label, f.score, f.anchor});
    }
    return images;
  }

  std::size_t bytes() const { return device_.bytes(); }

 private:
  struct layout {
    boxf* windows;
    found_batch found;

    layout(std::byte* memory, int batch, int most)
        : windows(reinterpret_cast<boxf*>(memory)),
          found(memory ? memory + window_bytes(batch) : nullptr, batch, most) {}
  };

  static std::size_t window_bytes(int batch) {
    scratch_space space(nullptr);
    space.take<boxf>(batch);
    return static_cast<std::size_t>(space.used());
  }
  layout on_host() const { return {host_.data(), batch_, most_}; }

  int batch_ = 0, most_ = 0;
  pinned_array<std::byte> host_;
  device_array<std::byte> device_;
};

}  // namespace odt::cuda
