// SPDX-License-Identifier: MIT
// Scalar references of the CPU kernels, in double, and the tensors that the tests give to both.
#pragma once

#include "golden.hpp"

#include <odt/core/random.hpp>
#include <odt/exec/cpu/kernels.hpp>
#include <odt/exec/cpu/machine/caches.hpp>
#include <odt/exec/cpu/machine/simd.hpp>

namespace odt::test {

using cpu::pending;
using cpu::shape;

/// While it lives kernels take the L2 cache to be of that size.
struct pretended_l2 {
  explicit pretended_l2(std::size_t bytes) { cpu::l2_bytes = bytes; }
  ~pretended_l2() { cpu::l2_bytes = real; }
  std::size_t real = cpu::l2_bytes;
};

/// A tensor with a margin around each pixel, whose strides are larger than dense ones.
struct host_tensor {
  shape extents;
  int margin = 0;
  std::vector<float> values;

  host_tensor() = default;
  explicit host_tensor(const shape& s, int around = 0)
      : extents(s),
        margin(around),
        values(static_cast<std::size_t>(s.pixels() * (s.channels + 2 * around) + 3 * around * s.batch), -77.0f) {}

  std::ptrdiff_t pixel_stride() const { return extents.channels + 2 * margin; }
  std::ptrdiff_t image_stride() const { return extents.height * extents.width * pixel_stride() + 3 * margin; }
  float& at(int n, int y, int x, int c) {
    return values[static_cast<std::size_t>(n * image_stride() + (y * extents.width + x) * pixel_stride() + margin + c)];
  }
  float at(int n, int y, int x, int c) const { return const_cast<host_tensor*>(this)->at(n, y, x, c); }

  cpu::tensor write() {
    return {values.data() + margin, extents.batch,  extents.height, extents.width,
            extents.channels,       pixel_stride(), image_stride()};
  }
  cpu::const_tensor read(const pending& transform = {}) const {
    return {{values.data() + margin, extents.batch, extents.height, extents.width, extents.channels, pixel_stride(),
             image_stride()},
            transform};
  }

  template <class F>
  void each(const F& f) const {
    for (int n = 0; n < extents.batch; ++n)
      for (int y = 0; y < extents.height; ++y)
        for (int x = 0; x < extents.width; ++x)
          for (int c = 0; c < extents.channels; ++c) f(n, y, x, c);
  }
  void fill(random_stream& random) {
    each([&](int n, int y, int x, int c) { at(n, y, x, c) = random.normal(); });
  }
  /// The values without the margins, NHWC.
  std::vector<float> dense() const {
    std::vector<float> result;
    each([&](int n, int y, int x, int c) { result.push_back(at(n, y, x, c)); });
    return result;
  }
  /// Whether the margins are as they were.
  bool margins_untouched() const {
    std::size_t rest = 0;
    for (const float v : values) rest += v == -77.0f;
    return rest >= values.size() - static_cast<std::size_t>(extents.elements());
  }
};

inline double transformed(const pending& p, float value, int c) {
  const double y = p.scale ? static_cast<double>(value) * p.scale[c] + p.shift[c] : static_cast<double>(value);
  return std::min(std::max(y, static_cast<double>(p.low)), static_cast<double>(p.high));
}

/// f(n, oy, ox, ky, kx, iy, ix) for every tap within the image.
template <class F>
void each_tap(const cpu::window& w, const shape& in, const shape& out, const F& f) {
  for (int n = 0; n < out.batch; ++n)
    for (int oy = 0; oy < out.height; ++oy)
      for (int ox = 0; ox < out.width; ++ox)
        for (int ky = 0; ky < w.kernel_height; ++ky)
          for (int kx = 0; kx < w.kernel_width; ++kx) {
            const int iy = oy * w.stride_height - w.pad_top + ky * w.rate;
            const int ix = ox * w.stride_width - w.pad_left + kx * w.rate;
            if (iy >= 0 && iy < in.height && ix >= 0 && ix < in.width) f(n, oy, ox, ky, kx, iy, ix);
          }
}

/// What a convolution and its gradients ought to be; depthwise when `multiplier` is above 0.
struct conv_reference {
  std::vector<double> y, dx, dw, dbias;

  conv_reference(const cpu::window& w, const host_tensor& x, const pending& p, const std::vector<float>& weights,
                 const std::vector<float>& bias, const host_tensor& dy, int multiplier = 0) {
    const shape in = x.extents, out = dy.extents;
    y.assign(static_cast<std::size_t>(out.elements()), 0.0);
    dx.assign(static_cast<std::size_t>(in.elements()), 0.0);
    dw.assign(weights.size(), 0.0);
    dbias.assign(static_cast<std::size_t>(out.channels), 0.0);
    const auto index = [](const shape& s, int n, int row, int column) {
      return static_cast<std::size_t>(((n * s.height + row) * s.width + column) * s.channels);
    };
    const auto pair = [&](int n, int oy, int ox, int iy, int ix, int i, int o, std::size_t weight) {
      const double value = transformed(p, x.at(n, iy, ix, i), i), gradient = dy.at(n, oy, ox, o);
      y[index(out, n, oy, ox) + static_cast<std::size_t>(o)] += value * weights[weight];
      dx[index(in, n, iy, ix) + static_cast<std::size_t>(i)] += gradient * weights[weight];
      dw[weight] += value * gradient;
    };
    each_tap(w, in, out, [&](int n, int oy, int ox, int ky, int kx, int iy, int ix) {
      const int tap = ky * w.kernel_width + kx;
      for (int i = 0; i < in.channels; ++i)
        if (multiplier > 0)
          for (int q = 0; q < multiplier; ++q) {
            const int o = i * multiplier + q;
            pair(n, oy, ox, iy, ix, i, o, static_cast<std::size_t>(tap * out.channels + o));
          }
        else
          for (int o = 0; o < out.channels; ++o)
            pair(n, oy, ox, iy, ix, i, o, static_cast<std::size_t>((tap * in.channels + i) * out.channels + o));
    });
    dy.each([&](int n, int oy, int ox, int o) {
      if (!bias.empty()) y[index(out, n, oy, ox) + static_cast<std::size_t>(o)] += bias[static_cast<std::size_t>(o)];
      dbias[static_cast<std::size_t>(o)] += dy.at(n, oy, ox, o);
    });
  }
};

/// |a - b| <= tolerance * (1 + |b|) for all; reports the worst.
inline void check_near(const std::vector<float>& actual, const std::vector<double>& expected, double tolerance,
                       const std::string& what) {
  BOOST_REQUIRE_EQUAL(actual.size(), expected.size());
  double worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double error = std::abs(actual[i] - expected[i]) / (1 + std::abs(expected[i]));
    if (!(error <= worst)) worst = error, at = i;
  }
  BOOST_CHECK_MESSAGE(worst <= tolerance,
                      what << ": [" << at << "] is " << actual[at] << ", expected " << expected[at]);
}

/// Scratch memory that is exactly as large as asked for, so that the sanitizer sees what goes beyond.
struct scratch_memory {
  std::size_t bytes;
  std::byte* data;
  explicit scratch_memory(std::size_t size)
      : bytes(size), data(static_cast<std::byte*>(::operator new(size, std::align_val_t{64}))) {
    std::memset(data, 0xff, size);  // NaNs: what is read must have been written
  }
  scratch_memory(const scratch_memory&) = delete;
  scratch_memory& operator=(const scratch_memory&) = delete;
  ~scratch_memory() { ::operator delete(data, std::align_val_t{64}); }
};

/// Mean and biased variance a channel.
inline std::pair<std::vector<double>, std::vector<double>> moments_of(const host_tensor& y) {
  const auto channels = static_cast<std::size_t>(y.extents.channels);
  std::vector<double> mean(channels, 0.0), variance(channels, 0.0);
  const double count = static_cast<double>(y.extents.pixels());
  y.each([&](int n, int r, int x, int c) { mean[static_cast<std::size_t>(c)] += y.at(n, r, x, c) / count; });
  y.each([&](int n, int r, int x, int c) {
    const double apart = y.at(n, r, x, c) - mean[static_cast<std::size_t>(c)];
    variance[static_cast<std::size_t>(c)] += apart * apart / count;
  });
  return {mean, variance};
}

/// The window of TensorFlow's padding "SAME" or "VALID" and the output's size.
struct same_window {
  cpu::window window;
  int height, width;

  same_window(const std::string& padding, int in_height, int in_width, int kernel_height, int kernel_width, int stride,
              int rate = 1)
      : window{kernel_height, kernel_width, stride, stride, rate} {
    const int tall = (kernel_height - 1) * rate + 1, wide = (kernel_width - 1) * rate + 1;
    if (padding == "SAME") {
      height = (in_height + stride - 1) / stride;
      width = (in_width + stride - 1) / stride;
      window.pad_top = std::max((height - 1) * stride + tall - in_height, 0) / 2;
      window.pad_left = std::max((width - 1) * stride + wide - in_width, 0) / 2;
    } else {
      height = (in_height - tall) / stride + 1;
      width = (in_width - wide) / stride + 1;
    }
  }
};

}  // namespace odt::test
