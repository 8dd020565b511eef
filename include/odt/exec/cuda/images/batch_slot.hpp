// SPDX-License-Identifier: MIT
// Where a batch arrives on the device: pinned copies that the device reads by itself, and its memory for them.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/detector.hpp>
#include <odt/exec/cuda/images/raw_buffers.hpp>
#include <odt/exec/cuda/machine/memory.hpp>

#include <algorithm>
#include <cstddef>

namespace odt::cuda {

/// For batches of one shape.
class batch_slot {
 public:
  batch_slot() = default;
  explicit batch_slot(const batch& b)
      : size_(b.size),
        max_boxes_(b.max_boxes),
        raw_(!b.raws.empty()),
        images_(raw_ ? 0 : values_of(b.size, {b.height, b.width})),
        device_images_(images_.size()),
        raws_(raw_ ? raw_buffers(b.size, {b.height, b.width}) : raw_buffers()),
        boxes_(boxes()),
        device_boxes_(boxes()),
        weights_(boxes()),
        device_weights_(boxes()),
        classes_(boxes() + static_cast<std::size_t>(b.size)),
        device_classes_(classes_.size()) {}

  /// Copies a batch of the shape; the device's side is there for what the stream does next. Throws where a raw image is
  /// not what it has to be.
  void upload(cudaStream_t stream, const batch& b) {
    if (raw_) raws_.upload(stream, b);
    std::copy_n(b.images.begin(), images_.size(), images_.data());
    std::copy_n(b.boxes.begin(), boxes(), boxes_.data());
    std::copy_n(b.weights.begin(), boxes(), weights_.data());
    std::copy_n(b.classes.begin(), boxes(), classes_.data());
    std::copy_n(b.counts.begin(), size_, classes_.data() + boxes());
    send(stream, images_, device_images_);
    send(stream, boxes_, device_boxes_);
    send(stream, weights_, device_weights_);
    send(stream, classes_, device_classes_);
  }

  bool raw() const { return raw_; }
  /// Of finished images, in device memory.
  const float* images() const { return device_images_.data(); }
  const raw_buffers& raws() const { return raws_; }
  /// In device memory.
  ground_truth truth() const {
    return {size_,
            max_boxes_,
            device_classes_.data() + boxes(),
            device_boxes_.data(),
            device_classes_.data(),
            device_weights_.data()};
  }

  /// Numbers in that many images of that size.
  static std::size_t values_of(int images, size2 size) {
    return static_cast<std::size_t>(images) * static_cast<std::size_t>(size.height) *
           static_cast<std::size_t>(size.width) * 3;
  }
  /// What bytes() is for batches of that shape.
  static std::size_t bytes_for(const step_shape& s) {
    const auto images = static_cast<std::size_t>(s.batch), boxes = images * static_cast<std::size_t>(s.max_boxes);
    return images * sizeof(int) + boxes * (sizeof(boxf) + sizeof(float) + sizeof(int)) +
           (s.raw ? raw_buffers::bytes_for(s.batch, s.image) : values_of(s.batch, s.image) * sizeof(float));
  }
  /// Of device memory.
  std::size_t bytes() const {
    return device_images_.bytes() + raws_.bytes() + device_boxes_.bytes() + device_weights_.bytes() +
           device_classes_.bytes();
  }

 private:
  std::size_t boxes() const { return static_cast<std::size_t>(size_) * static_cast<std::size_t>(max_boxes_); }

  template <class T>
  static void send(cudaStream_t stream, const pinned_array<T>& from, const device_array<T>& to) {
    if (to.size() == 0) return;
    check(cudaMemcpyAsync(to.data(), from.data(), to.bytes(), cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  }

  int size_ = 0, max_boxes_ = 0;
  bool raw_ = false;
  pinned_array<float> images_;
  device_array<float> device_images_;
  raw_buffers raws_;
  pinned_array<boxf> boxes_;
  device_array<boxf> device_boxes_;
  pinned_array<float> weights_;
  device_array<float> device_weights_;
  pinned_array<int> classes_;  ///< and the counts behind them
  device_array<int> device_classes_;
};

}  // namespace odt::cuda
