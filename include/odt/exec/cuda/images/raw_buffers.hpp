// SPDX-License-Identifier: MIT
// Raw images on their way to the device: pinned copies that the device reads by itself, and where they arrive. Each has
// room for as many bytes as its finished image takes, so that no batch needs more memory than another.
#pragma once

#include <odt/core/picture_job.hpp>
#include <odt/exec/cuda/images/make_images.hpp>
#include <odt/exec/cuda/machine/memory.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace odt::cuda {

/// For batches of one shape.
class raw_buffers {
 public:
  raw_buffers() = default;
  raw_buffers(int count, size2 outer)
      : outer_(outer),
        jobs_(static_cast<std::size_t>(count)),
        device_jobs_(jobs_.size()),
        bytes_(jobs_.size() * static_cast<std::size_t>(raw_capacity(outer))),
        device_bytes_(bytes_.size()) {}

  /// Copies the raw images of a batch, one behind the other; the device's side is there for what the stream does next.
  /// Throws where an image is not what it has to be.
  void upload(cudaStream_t stream, const batch& b) {
    std::size_t used = 0;
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      jobs_[i] = job_of(b, static_cast<int>(i), static_cast<std::int64_t>(used));
      const auto from = bytes_of(b.raws[i]);
      std::memcpy(bytes_.data() + used, from.data(), from.size());
      used += (from.size() + 15) / 16 * 16;
    }
    send(stream, jobs_.data(), device_jobs_.data(), device_jobs_.bytes());
    send(stream, bytes_.data(), device_bytes_.data(), used);
  }

  /// Makes the images [count, height, width, 3] in device memory, of what was copied last.
  void make(cudaStream_t stream, float* images) const {
    make_images(stream, device_jobs_.data(), static_cast<int>(jobs_.size()), device_bytes_.data(), outer_, images);
  }

  /// What bytes() is for that many images of that size.
  static std::size_t bytes_for(int count, size2 outer) {
    return static_cast<std::size_t>(count) * (sizeof(picture_job) + static_cast<std::size_t>(raw_capacity(outer)));
  }
  std::size_t bytes() const { return device_jobs_.bytes() + device_bytes_.bytes(); }

 private:
  static void send(cudaStream_t stream, const void* from, void* to, std::size_t bytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  }

  size2 outer_;
  pinned_array<picture_job> jobs_;
  device_array<picture_job> device_jobs_;
  pinned_array<std::uint8_t> bytes_;
  device_array<std::uint8_t> device_bytes_;
};

}  // namespace odt::cuda
