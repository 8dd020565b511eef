// SPDX-License-Identifier: MIT
// A batch on its way to the device: pinned copies that the device reads by itself, and where they arrive.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/detector.hpp>
#include <odt/exec/cuda/memory.hpp>

#include <algorithm>
#include <cstddef>

namespace odt::cuda {

/// For batches of one shape.
class batch_buffers {
 public:
  explicit batch_buffers(const batch& b)
      : size_(b.size),
        max_boxes_(b.max_boxes),
        images_(b.images.size()),
        device_images_(b.images.size()),
        boxes_(slots()),
        device_boxes_(slots()),
        weights_(slots()),
        device_weights_(slots()),
        classes_(slots() + static_cast<std::size_t>(b.size)),
        device_classes_(classes_.size()) {}

  /// Copies a batch of the shape; the device's side is there for what the stream does next.
  void upload(cudaStream_t stream, const batch& b) {
    std::ranges::copy(b.images, images_.data());
    std::ranges::copy(b.boxes, boxes_.data());
    std::ranges::copy(b.weights, weights_.data());
    std::ranges::copy(b.classes, classes_.data());
    std::ranges::copy(b.counts, classes_.data() + slots());
    send(stream, images_, device_images_);
    send(stream, boxes_, device_boxes_);
    send(stream, weights_, device_weights_);
    send(stream, classes_, device_classes_);
  }

  const float* images() const { return device_images_.data(); }
  /// In device memory.
  ground_truth truth() const {
    return {size_,
            max_boxes_,
            device_classes_.data() + slots(),
            device_boxes_.data(),
            device_classes_.data(),
            device_weights_.data()};
  }
  /// What bytes() is for batches of that shape.
  static std::size_t bytes_for(const step_shape& s) {
    const auto images = static_cast<std::size_t>(s.batch), slots = images * static_cast<std::size_t>(s.max_boxes);
    const auto pixels = static_cast<std::size_t>(s.image.height) * static_cast<std::size_t>(s.image.width);
    return images * (pixels * 3 * sizeof(float) + sizeof(int)) + slots * (sizeof(boxf) + sizeof(float) + sizeof(int));
  }
  std::size_t bytes() const {
    return device_images_.bytes() + device_boxes_.bytes() + device_weights_.bytes() + device_classes_.bytes();
  }

 private:
  std::size_t slots() const { return static_cast<std::size_t>(size_) * static_cast<std::size_t>(max_boxes_); }

  template <class T>
  static void send(cudaStream_t stream, const pinned_array<T>& from, const device_array<T>& to) {
    if (to.size() == 0) return;
    check(cudaMemcpyAsync(to.data(), from.data(), to.bytes(), cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  }

  int size_, max_boxes_;
  pinned_array<float> images_;
  device_array<float> device_images_;
  pinned_array<boxf> boxes_;
  device_array<boxf> device_boxes_;
  pinned_array<float> weights_;
  device_array<float> device_weights_;
  pinned_array<int> classes_;  ///< and the counts behind them
  device_array<int> device_classes_;
};

}  // namespace odt::cuda
