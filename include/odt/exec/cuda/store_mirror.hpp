// SPDX-License-Identifier: MIT
// The stores of variables on the device, and their copy that the host looks at and writes.
#pragma once

#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/passes/update.hpp>
#include <odt/exec/step.hpp>
#include <odt/nn/variable_layout.hpp>

#include <cstddef>
#include <vector>

namespace odt::cuda {

/// Each side is brought up to date when it is asked for: the host's by on_host(), the device's by to_device().
class store_mirror {
 public:
  store_mirror(const variable_layout& layout, int slots, int scalars, bool averages)
      : device_values_(static_cast<std::size_t>(layout.floats)),
        device_gradients_(static_cast<std::size_t>(layout.trainable_floats)),
        device_averages_(averages ? device_gradients_.size() : 0),
        values_(device_values_.size()),
        gradients_(device_gradients_.size()),
        averages_(device_averages_.size()),
        scalars_(static_cast<std::size_t>(scalars)) {
    for (int s = 0; s < slots; ++s) {
      device_slots_.emplace_back(device_gradients_.size());
      slots_.emplace_back(device_gradients_.size());
    }
  }

  float* values() const { return device_values_.data(); }
  float* gradients() const { return device_gradients_.data(); }
  std::size_t values_size() const { return device_values_.size(); }
  std::vector<float>& scalars() { return scalars_; }
  update_stores device() const {
    update_stores s{values(), gradients(), {}, device_averages_.data()};
    for (std::size_t i = 0; i < device_slots_.size(); ++i) s.slots[i] = device_slots_[i].data();
    return s;
  }

  std::size_t bytes() const {
    std::size_t sum = device_values_.bytes() + device_gradients_.bytes() + device_averages_.bytes();
    for (const auto& slot : device_slots_) sum += slot.bytes();
    return sum;
  }

  /// After a step has written the device's side.
  void written_on_device() { device_is_newer_ = true; }

  /// The host's side, which the caller may write until the next step.
  variable_stores on_host(cudaStream_t stream) {
    if (device_is_newer_) {
      each([&](std::vector<float>& host, const device_array<float>& device) {
        check(cudaMemcpyAsync(host.data(), device.data(), device.bytes(), cudaMemcpyDeviceToHost, stream),
              "cudaMemcpyAsync");
      });
      check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    }
    device_is_newer_ = false;
    host_is_newer_ = true;
    variable_stores s{values_, gradients_, {}, averages_, scalars_};
    for (auto& slot : slots_) s.slots.push_back(slot);
    return s;
  }

  /// Before a step reads the device's side.
  void to_device(cudaStream_t stream) {
    if (!host_is_newer_) return;
    each([&](std::vector<float>& host, const device_array<float>& device) {
      check(cudaMemcpyAsync(device.data(), host.data(), device.bytes(), cudaMemcpyHostToDevice, stream),
            "cudaMemcpyAsync");
    });
    check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    host_is_newer_ = false;
  }

 private:
  template <class Copy>
  void each(const Copy& copy) {
    copy(values_, device_values_);
    copy(gradients_, device_gradients_);
    if (!averages_.empty()) copy(averages_, device_averages_);
    for (std::size_t s = 0; s < slots_.size(); ++s) copy(slots_[s], device_slots_[s]);
  }

  device_array<float> device_values_, device_gradients_, device_averages_;
  std::vector<device_array<float>> device_slots_;
  std::vector<float> values_, gradients_, averages_, scalars_;
  std::vector<std::vector<float>> slots_;
  bool device_is_newer_ = false, host_is_newer_ = true;
};

}  // namespace odt::cuda
