// SPDX-License-Identifier: MIT
// A batch on the device, and beside it the one that comes next, which is copied while a step works on the first.
#pragma once

#include <odt/exec/cuda/images/batch_slot.hpp>

#include <array>
#include <cstddef>

namespace odt::cuda {

/// For batches of one shape. The second slot is made when it is first wanted.
class batch_buffers {
 public:
  explicit batch_buffers(const batch& b)
      : slots_{batch_slot(b), batch_slot()},
        made_images_(raw() ? batch_slot::values_of(b.size, {b.height, b.width}) : 0) {}

  /// Copies a batch of the shape; the device's side is there for what the stream does next.
  void upload(cudaStream_t stream, const batch& b) { slots_[turn_].upload(stream, b); }
  /// The same beside the current one, which stays as it is until take_next().
  void upload_next(cudaStream_t stream, const batch& b) {
    batch_slot& next = slots_[1 - turn_];
    if (next.bytes() == 0) next = batch_slot(b);
    next.upload(stream, b);
  }
  /// What upload_next() copied becomes the current batch.
  void take_next() { turn_ = 1 - turn_; }
  /// Which of the two slots is current: what reads them lies at other addresses in each.
  std::size_t turn() const { return turn_; }

  bool raw() const { return slots_[0].raw(); }
  /// Makes the images of raw ones.
  void make_images(cudaStream_t stream) const { slots_[turn_].raws().make(stream, made_images_.data()); }
  const float* images() const { return raw() ? made_images_.data() : slots_[turn_].images(); }
  /// In device memory.
  ground_truth truth() const { return slots_[turn_].truth(); }

  /// What bytes() is for batches of that shape, with one slot or with both.
  static std::size_t bytes_for(const step_shape& s, int slots) {
    return static_cast<std::size_t>(slots) * batch_slot::bytes_for(s) +
           (s.raw ? batch_slot::values_of(s.batch, s.image) * sizeof(float) : 0);
  }
  std::size_t bytes() const { return slots_[0].bytes() + slots_[1].bytes() + made_images_.bytes(); }

 private:
  std::array<batch_slot, 2> slots_;
  std::size_t turn_ = 0;
  device_array<float> made_images_;
};

}  // namespace odt::cuda
