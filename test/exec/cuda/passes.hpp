// SPDX-License-Identifier: MIT
// What the tests of the CUDA passes share: inputs that both sides hold exactly, and comparisons.
#pragma once

#include <odt/core/text.hpp>

#include "exec/cuda/device.hpp"

#include <tuple>

namespace odt::test {

using types = std::tuple<float, cuda::bf16>;
using floats = std::vector<float>;

/// A tensor's size, and what lies around its pixels.
struct extent {
  shape s;
  int margin;
};

inline const extent extents[] = {
    {{2, 5, 7, 3}, 0}, {{1, 9, 8, 24}, 8},   {{3, 13, 11, 32}, 0}, {{2, 6, 5, 96}, 8}, {{1, 4, 3, 24}, 1},
    {{1, 1, 1, 8}, 0}, {{2, 33, 31, 16}, 0}, {{1, 3, 5, 600}, 0},  {{1, 7, 6, 37}, 2},
};

inline std::string name(const extent& e) {
  return str(e.s.batch, "x", e.s.height, "x", e.s.width, "x", e.s.channels, ", margin ", e.margin);
}

/// Of the largest value: one rounding of T, or the order of a sum in float.
template <class T>
inline constexpr double one_rounding = sizeof(T) == 2 ? 0x1p-8 : 1e-5;

/// |actual - expected| <= tolerance * max(1e-3, max|expected|) for all.
template <class Expected>
void check_all(const floats& actual, const Expected& expected, double tolerance, const std::string& what) {
  BOOST_REQUIRE_EQUAL(actual.size(), expected.size());
  double largest = 1e-3;
  for (const auto v : expected) largest = std::max(largest, std::abs(static_cast<double>(v)));
  std::size_t wrong = 0, at = 0;
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (!(std::abs(actual[i] - static_cast<double>(expected[i])) <= tolerance * largest)) ++wrong, at = i;
  if (wrong > 0)
    BOOST_ERROR(what << ": " << wrong << " of " << actual.size() << " differ; [" << at << "] is " << actual[at]
                     << ", expected " << expected[at]);
}

inline floats normals(random_stream& random, int count) {
  floats values(static_cast<std::size_t>(count));
  for (float& v : values) v = random.normal();
  return values;
}

/// Random values that T holds exactly.
template <class T>
host_tensor random_activation(random_stream& random, const shape& s, int margin) {
  host_tensor a(s, margin);
  a.fill(random);
  for (float& v : a.values) v = static_cast<float>(static_cast<T>(v));
  return a;
}

/// A pending transform on both sides.
struct two_pendings {
  floats scale, shift;
  on_device<float> device_scale, device_shift;
  float low, high;

  two_pendings(const floats& scales, const floats& shifts, float lowest, float highest)
      : scale(scales), shift(shifts), device_scale(scales), device_shift(shifts), low(lowest), high(highest) {}
  two_pendings(random_stream& random, int channels, float lowest, float highest)
      : two_pendings(normals(random, channels), normals(random, channels), lowest, highest) {}

  pending host() const { return {scale.data(), shift.data(), low, high}; }
  cuda::pending device() const { return {device_scale.data(), device_shift.data(), low, high}; }
};

/// Columns of a table of partial sums, which is wider than the layer.
struct device_parts {
  std::size_t stride, rows;
  on_device<float> memory;

  device_parts(int channels, int rows_a_part)
      : stride(static_cast<std::size_t>(channels) + 5),
        rows(static_cast<std::size_t>(rows_a_part) * cuda::most_parts),
        memory(floats(stride * rows, std::nanf(""))) {}
  cuda::partial_sums at() const { return {memory.data() + 3, static_cast<std::int64_t>(stride)}; }
  static double sum(const floats& values, std::size_t stride, int parts, int rows_a_part, int row, int channel) {
    double sum = 0;
    for (int p = 0; p < parts; ++p)
      sum += values[static_cast<std::size_t>(p * rows_a_part + row) * stride + 3 + static_cast<std::size_t>(channel)];
    return sum;
  }
  /// Row `row` of all parts, added up.
  floats sums(int parts, int rows_a_part, int row, int channels) const {
    const floats values = memory.host();
    floats result;
    for (int c = 0; c < channels; ++c)
      result.push_back(static_cast<float>(sum(values, stride, parts, rows_a_part, row, c)));
    return result;
  }
};

inline cuda::window window_of(const cpu::window& w) {
  return {w.kernel_height, w.kernel_width, w.stride_height, w.rate, w.pad_top, w.pad_left};
}

/// Checks a tensor that a kernel wrote.
template <class T>
void check_tensor(const device_activation<T>& actual, const host_tensor& expected, double tolerance,
                  const std::string& what) {
  const host_tensor host = actual.host();
  BOOST_TEST(host.margins_untouched(), what);
  check_all(host.dense(), expected.dense(), tolerance, what);
}

/// A blank tensor: margins of -77, as what margins_untouched looks for.
template <class T>
struct output {
  host_tensor blank;
  device_activation<T> device;

  explicit output(const shape& s, int margin, float value = 9.0f) : blank(filled(s, margin, value)), device(blank) {}
  output(const output&) = delete;
  static host_tensor filled(const shape& s, int margin, float value) {
    host_tensor a(s, margin);
    a.each([&](int n, int y, int x, int c) { a.at(n, y, x, c) = value; });
    return a;
  }
  void check(const host_tensor& expected, double tolerance, const std::string& what) const {
    check_tensor(device, expected, tolerance, what);
  }
};

}  // namespace odt::test
