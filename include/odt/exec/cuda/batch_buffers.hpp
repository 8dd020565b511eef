// SPDX-License-Identifier: MIT
// A batch on its way to the device: pinned copies that the device reads by itself, and where they arrive.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/detector.hpp>
#include <odt/exec/cuda/memory.hpp>
#include <odt/exec/cuda/raw_buffers.hpp>

#include <algorithm>
#include <cstddef>

namespace odt::cuda {

/// For batches of one shape.
class batch_buffers {
 public:
  explicit batch_buffers(const batch& b)
      : size_(b.size),
        max_boxes_(b.max_boxes),
        raw_(!b.raws.empty()),
        values_(static_cast<std::size_t>(b.size) * static_cast<std::size_t>(b.height) *
                static_cast<std::size_t>(b.width) * 3),
        images_(raw_ ? 0 : values_),
        device_images_(values_),
        raws_(raw_ ? raw_buffers(b.size, {b.height, b.width}) : raw_buffers()),
        boxes_(slots()),
        device_boxes_(slots()),
        weights_(slots()),
        device_weights_(slots()),
        classes_(slots() + static_cast<std::size_t>(b.size)),
        device_classes_(classes_.size()) {}

  /// Copies a batch of the shape; the device's side is there for what the stream does next.
  void upload(cudaStream_t stream, const batch& b) {
    if (raw_) raws_.upload(stream, b);
    std::copy_n(b.images.begin(), images_.size(), images_.data());
    std::copy_n(b.boxes.begin(), slots(), boxes_.data());
    std::copy_n(b.weights.begin(), slots(), weights_.data());
    std::copy_n(b.classes.begin(), slots(), classes_.data());
    std::copy_n(b.counts.begin(), size_, classes_.data() + slots());
    if (!raw_) send(stream, images_, device_images_);
    send(stream, boxes_, device_boxes_);
    send(stream, weights_, device_weights_);
    send(stream, classes_, device_classes_);
  }

  bool raw() const { return raw_; }
  /// Makes the images of raw ones.
  void make_images(cudaStream_t stream) const { raws_.make(stream, device_images_.data()); }
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
    return images * (pixels * 3 * sizeof(float) + sizeof(int)) + slots * (sizeof(boxf) + sizeof(float) + sizeof(int)) +
           (s.raw ? raw_buffers::bytes_for(s.batch, s.image) : 0);
  }
  std::size_t bytes() const {
    return device_images_.bytes() + raws_.bytes() + device_boxes_.bytes() + device_weights_.bytes() +
           device_classes_.bytes();
  }

 private:
  std::size_t slots() const { return static_cast<std::size_t>(size_) * static_cast<std::size_t>(max_boxes_); }

  template <class T>
  static void send(cudaStream_t stream, const pinned_array<T>& from, const device_array<T>& to) {
    if (to.size() == 0) return;
    check(cudaMemcpyAsync(to.data(), from.data(), to.bytes(), cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  }

  int size_, max_boxes_;
  bool raw_;
  std::size_t values_;  ///< of the images
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
