// SPDX-License-Identifier: MIT
// Device memory, and host memory that the device copies from and to by itself. Neither is taken within a step.
#pragma once

#include <odt/core/human.hpp>
#include <odt/exec/cuda/machine/device.hpp>

#include <cstddef>
#include <memory>

namespace odt::cuda {

namespace detail {

struct free_device {
  void operator()(void* memory) const { cudaFree(memory); }
};
struct free_pinned {
  void operator()(void* memory) const { cudaFreeHost(memory); }
};

}  // namespace detail

/// `count` elements of device memory, zeroed once.
template <class T>
class device_array {
 public:
  device_array() = default;
  explicit device_array(std::size_t count) : count_(count) {
    if (count == 0) return;
    void* memory = nullptr;
    if (cudaMalloc(&memory, bytes()) != cudaSuccess) {
      cudaGetLastError();
      fail("the GPU has ", human_bytes(free_memory()), " of memory free, and ",
           human_bytes(static_cast<std::int64_t>(bytes())), " more are needed; use a smaller batch_size or image");
    }
    memory_.reset(memory);
    check(cudaMemset(memory, 0, bytes()), "cudaMemset");
    check(cudaStreamSynchronize(nullptr), "cudaMemset");  // other streams do not wait for this one
  }

  T* data() const { return static_cast<T*>(memory_.get()); }
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }

 private:
  std::unique_ptr<void, detail::free_device> memory_;
  std::size_t count_ = 0;
};

/// `count` elements of pinned host memory.
template <class T>
class pinned_array {
 public:
  pinned_array() = default;
  explicit pinned_array(std::size_t count) : count_(count) {
    if (count == 0) return;
    void* memory = nullptr;
    check(cudaMallocHost(&memory, count * sizeof(T)), "cudaMallocHost");
    memory_.reset(memory);
    for (std::size_t i = 0; i < count; ++i) data()[i] = T{};
  }

  T* data() const { return static_cast<T*>(memory_.get()); }
  T& operator[](std::size_t i) const { return data()[i]; }
  std::size_t size() const { return count_; }

 private:
  std::unique_ptr<void, detail::free_pinned> memory_;
  std::size_t count_ = 0;
};

/// One value on both sides.
template <class T>
class mirrored {
 public:
  T& host() const { return host_[0]; }
  T* device() const { return device_.data(); }
  void upload(cudaStream_t stream) const {
    check(cudaMemcpyAsync(device(), &host(), sizeof(T), cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  }
  void download(cudaStream_t stream) const {
    check(cudaMemcpyAsync(&host(), device(), sizeof(T), cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
  }

 private:
  pinned_array<T> host_{1};
  device_array<T> device_{1};
};

}  // namespace odt::cuda
