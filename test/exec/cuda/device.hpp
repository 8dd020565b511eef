// SPDX-License-Identifier: MIT
// What the tests of the CUDA kernels share: arrays that lie on the device, and skipping where there is none.
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>

#include "exec/cpu/kernels.hpp"
#include "exec/cuda/device_memory.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace odt::test {

/// Whether the kernels run on the CPU, thousands of times slower (test_cuda_emulated): then cases are smaller.
#if defined(ODT_CUDA_EMULATED)
inline constexpr bool emulated = true;
#else
inline constexpr bool emulated = false;
#endif

/// A Boost.Test decorator: skips, by name, where no GPU is.
inline auto needs_gpu() {
  return boost::unit_test::precondition([why = std::string("SKIPPED: there is no NVIDIA GPU")](auto) {
    int count = 0;
    const bool found = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
    boost::test_tools::assertion_result result(found);
    if (!found) result.message() << why;
    return result;
  });
}

template <class To, class From>
std::vector<To> converted(const std::vector<From>& values) {
  std::vector<To> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = static_cast<To>(values[i]);
  return result;
}

/// A host vector's copy on the device, converted to T.
template <class T>
class on_device {
 public:
  on_device() = default;
  template <class U>
  explicit on_device(const std::vector<U>& values) : memory_(copied(converted<T>(values))) {}
  T* data() const { return memory_.data(); }
  std::vector<float> host() const {
    cuda::check(cudaDeviceSynchronize(), "a kernel");
    return converted<float>(fetched(memory_));
  }

 private:
  cuda::device_array<T> memory_;
};

/// A host_tensor with its margins, on the device.
template <class T>
struct device_activation {
  const host_tensor* like;
  on_device<T> memory;

  explicit device_activation(const host_tensor& a) : like(&a), memory(a.values) {}

  cuda::tensor<T> write() const {
    const shape& s = like->extents;
    return {memory.data() + like->margin, s.batch, s.height, s.width, s.channels, like->pixel_stride(),
            like->image_stride()};
  }
  cuda::reading<T> read(const cuda::pending& transform = {}) const { return {write(), transform}; }
  host_tensor host() const {
    host_tensor a = *like;
    a.values = memory.host();
    return a;
  }
};

/// ||actual - expected|| / ||expected||
template <class Expected>
double distance(const std::vector<float>& actual, const Expected& expected) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double e = expected[i], d = static_cast<double>(actual[i]) - e;
    difference += d * d, norm += e * e;
  }
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

template <class Expected>
void check_distance(const std::vector<float>& actual, const Expected& expected, double ask, const std::string& what) {
  BOOST_REQUIRE_EQUAL(actual.size(), expected.size());
  const double d = distance(actual, expected);
  BOOST_CHECK_MESSAGE(d <= ask, what << " is off by " << d << ", asked " << ask);
}

}  // namespace odt::test
