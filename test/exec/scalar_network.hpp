// SPDX-License-Identifier: MIT
// A network layer by layer, unfused, in float64: what every back end has to agree with.
#pragma once

#include "exec/crops.hpp"

#include <odt/nn/convolution.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/shapes.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace odt::test {

/// Values of a layer, NHWC. `images` are those of all pictures.
struct scalar_map {
  int images = 0;
  shape3 extents{};
  std::vector<double> values{};

  double& at(int n, int y, int x, int c) { return values[index(n, y, x, c)]; }
  double at(int n, int y, int x, int c) const { return values[index(n, y, x, c)]; }

 private:
  std::size_t index(int n, int y, int x, int c) const {
    return static_cast<std::size_t>(((std::int64_t{n} * extents.height + y) * extents.width + x) * extents.channels +
                                    c);
  }
};

class scalar_network {
 public:
  std::vector<std::vector<double>> variables;  ///< by number

  scalar_network(const network& net, int batch, size2 size) : net_(net), batch_(batch), size_(size) {}

  /// All layers' outputs. Without dropout; regions are crop_boxes().
  std::vector<scalar_map> run(const std::vector<double>& images, bool train) const {
    const std::vector<shape3> all = shapes(net_, size_, train ? run_mode::train : run_mode::infer);
    std::vector<scalar_map> maps;
    for (int i = 0; i < net_.size(); ++i) {
      const shape3& s = all[static_cast<std::size_t>(i)];
      scalar_map y{batch_ * s.images, s};
      y.values.resize(static_cast<std::size_t>(batch_ * s.size()));
      if (i == 0)
        y.values = images;
      else
        compute(net_[i], maps, y, train);
      maps.push_back(std::move(y));
    }
    return maps;
  }

 private:
  template <class Body>
  static void each(const scalar_map& m, const Body& body) {
    for (int n = 0; n < m.images; ++n)
      for (int y = 0; y < m.extents.height; ++y)
        for (int x = 0; x < m.extents.width; ++x)
          for (int c = 0; c < m.extents.channels; ++c) body(n, y, x, c);
  }

  /// Calls body(row, column, tap) for the pixels of x under the window of a pixel of y.
  template <class Body>
  static void under(const layer& l, const scalar_map& x, int row, int column, const Body& body) {
    const axis_window high = place_window(x.extents.height, l.kernel_height, l.stride, l.rate, l.border);
    const axis_window wide = place_window(x.extents.width, l.kernel_width, l.stride, l.rate, l.border);
    for (int ky = 0; ky < l.kernel_height; ++ky)
      for (int kx = 0; kx < l.kernel_width; ++kx) {
        const int y = row * l.stride + ky * l.rate - high.before, z = column * l.stride + kx * l.rate - wide.before;
        if (y >= 0 && z >= 0 && y < x.extents.height && z < x.extents.width) body(y, z, ky * l.kernel_width + kx);
      }
  }

  double variable(int number, int index, double otherwise) const {
    return number < 0 ? otherwise : variables[static_cast<std::size_t>(number)][static_cast<std::size_t>(index)];
  }

  void compute(const layer& l, const std::vector<scalar_map>& maps, scalar_map& y, bool train) const {
    if (l.kind == layer_kind::regions) return choose(y);
    const scalar_map& x = maps[static_cast<std::size_t>(l.inputs[0])];
    const scalar_map& second = maps[static_cast<std::size_t>(l.inputs[l.inputs.size() > 1 ? 1 : 0])];
    const int pixels = x.extents.height * x.extents.width, inputs = x.extents.channels;
    switch (l.kind) {
      case layer_kind::convolution:
        return each(y, [&](int n, int r, int k, int c) {
          double sum = variable(l.variables.biases, c, 0);
          under(l, x, r, k, [&](int a, int b, int tap) {
            for (int i = 0; i < inputs; ++i)
              sum += x.at(n, a, b, i) * variable(l.variables.weights, (tap * inputs + i) * l.channels + c, 0);
          });
          y.at(n, r, k, c) = sum;
        });
      case layer_kind::depthwise_convolution:
        return each(y, [&](int n, int r, int k, int c) {
          double sum = variable(l.variables.biases, c, 0);
          under(l, x, r, k, [&](int a, int b, int tap) {
            sum += x.at(n, a, b, c / l.multiplier) * variable(l.variables.weights, tap * l.channels + c, 0);
          });
          y.at(n, r, k, c) = sum;
        });
      case layer_kind::max_pool:
        return each(y, [&](int n, int r, int k, int c) {
          double most = -std::numeric_limits<double>::infinity();
          under(l, x, r, k, [&](int a, int b, int) { most = std::max(most, x.at(n, a, b, c)); });
          y.at(n, r, k, c) = most;
        });
      case layer_kind::average_pool:
        return each(y, [&](int n, int r, int k, int c) {
          double sum = 0;
          int count = 0;
          under(l, x, r, k, [&](int a, int b, int) { sum += x.at(n, a, b, c), ++count; });
          y.at(n, r, k, c) = sum / std::max(count, 1);
        });
      case layer_kind::global_pool:
        each(x, [&](int n, int r, int k, int c) { y.at(n, 0, 0, c) += x.at(n, r, k, c) / pixels; });
        return;
      case layer_kind::batch_norm:
        return normalize(l, x, y, train);
      case layer_kind::group_norm:
        return normalize_groups(l, x, y);
      case layer_kind::clamp:
      case layer_kind::activation:
        return each(y, [&](int n, int r, int k, int c) { y.at(n, r, k, c) = l.function.value(x.at(n, r, k, c)); });
      case layer_kind::add:
        return each(y,
                    [&](int n, int r, int k, int c) { y.at(n, r, k, c) = x.at(n, r, k, c) + second.at(n, r, k, c); });
      case layer_kind::multiply: {
        const bool one = second.extents.height == 1 && second.extents.width == 1;
        return each(y, [&](int n, int r, int k, int c) {
          y.at(n, r, k, c) = x.at(n, r, k, c) * (one ? second.at(n, 0, 0, c) : second.at(n, r, k, c));
        });
      }
      case layer_kind::upsample:
        return each(
            y, [&](int n, int r, int k, int c) { y.at(n, r, k, c) = x.at(n, r / l.multiplier, k / l.multiplier, c); });
      case layer_kind::concat: {
        int first = 0;
        for (const int input : l.inputs) {
          const scalar_map& part = maps[static_cast<std::size_t>(input)];
          each(part, [&](int n, int r, int k, int c) { y.at(n, r, k, first + c) = part.at(n, r, k, c); });
          first += part.extents.channels;
        }
        return;
      }
      case layer_kind::slice:
        return each(y, [&](int n, int r, int k, int c) { y.at(n, r, k, c) = x.at(n, r, k, l.first + c); });
      case layer_kind::pad:
        each(x, [&](int n, int r, int k, int c) { y.at(n, r, k, c) = x.at(n, r, k, c); });
        return;
      case layer_kind::crop_and_resize:
        return l.inputs.size() == 1 ? resize(x, y) : crop(x, second, y);
      case layer_kind::position_sensitive_crop:
        return crop_bins(l, x, second, y);
      case layer_kind::dropout:
      case layer_kind::input:
      case layer_kind::regions:
        fail("layer ", l.name, ": is not for this reference");
    }
  }

  static void choose(scalar_map& y) {
    const std::vector<boxf> boxes = crop_boxes(y.images * y.extents.width);
    for (std::size_t k = 0; k < boxes.size(); ++k) {
      const boxf& b = boxes[k];
      std::ranges::copy(std::initializer_list<double>{b.ymin, b.xmin, b.ymax, b.xmax}, &y.values[4 * k]);
    }
  }

  static boxf box_of(const scalar_map& boxes, int k) {
    const double* at = &boxes.values[static_cast<std::size_t>(4 * k)];
    return {static_cast<float>(at[0]), static_cast<float>(at[1]), static_cast<float>(at[2]), static_cast<float>(at[3])};
  }

  static void crop(const scalar_map& x, const scalar_map& boxes, scalar_map& y) {
    const shape3 &from = x.extents, &to = y.extents;
    each(y, [&](int k, int r, int q, int c) {
      const boxf b = box_of(boxes, k);
      y.at(k, r, q, c) =
          crop_sample(crop_position(b.ymin, b.ymax, from.height, to.height, r),
                      crop_position(b.xmin, b.xmax, from.width, to.width, q), from.height, from.width,
                      [&](int row, int column) { return x.at(k / (y.images / x.images), row, column, c); });
    });
  }

  static void resize(const scalar_map& x, scalar_map& y) {
    const shape3 &from = x.extents, &to = y.extents;
    each(y, [&](int n, int r, int q, int c) {
      y.at(n, r, q, c) =
          crop_sample(resize_position(from.height, to.height, r), resize_position(from.width, to.width, q), from.height,
                      from.width, [&](int row, int column) { return x.at(n, row, column, c); });
    });
  }

  static void crop_bins(const layer& l, const scalar_map& x, const scalar_map& boxes, scalar_map& y) {
    const shape3& from = x.extents;
    const int tall = l.crop.height / l.bins.height, wide = l.crop.width / l.bins.width;
    each(y, [&](int k, int, int, int c) {
      const boxf b = box_of(boxes, k);
      double sum = 0;
      for (int r = 0; r < l.crop.height; ++r)
        for (int q = 0; q < l.crop.width; ++q) {
          const int channel = (r / tall * l.bins.width + q / wide) * l.channels + c;
          sum += crop_sample(
              bin_position(b.ymin, b.ymax, l.bins.height, from.height, l.crop.height, r),
              bin_position(b.xmin, b.xmax, l.bins.width, from.width, l.crop.width, q), from.height, from.width,
              [&](int row, int column) { return x.at(k / (y.images / x.images), row, column, channel); });
        }
      y.at(k, 0, 0, c) = sum / (l.crop.height * l.crop.width);
    });
  }

  void normalize(const layer& l, const scalar_map& x, scalar_map& y, bool train) const {
    const double count = static_cast<double>(x.values.size()) / l.channels;
    std::vector<double> mean(static_cast<std::size_t>(l.channels)), variance(mean.size());
    for (int c = 0; c < l.channels; ++c) {
      const auto i = static_cast<std::size_t>(c);
      mean[i] = variable(l.variables.moving_mean, c, 0), variance[i] = variable(l.variables.moving_variance, c, 1);
    }
    if (train && l.norm.train) {
      std::ranges::fill(mean, 0.0), std::ranges::fill(variance, 0.0);
      each(x, [&](int n, int r, int k, int c) { mean[static_cast<std::size_t>(c)] += x.at(n, r, k, c) / count; });
      each(x, [&](int n, int r, int k, int c) {
        const double d = x.at(n, r, k, c) - mean[static_cast<std::size_t>(c)];
        variance[static_cast<std::size_t>(c)] += d * d / count;
      });
    }
    each(y, [&](int n, int r, int k, int c) {
      const auto i = static_cast<std::size_t>(c);
      y.at(n, r, k, c) = (x.at(n, r, k, c) - mean[i]) / std::sqrt(variance[i] + static_cast<double>(l.norm.epsilon)) *
                             variable(l.variables.gamma, c, 1) +
                         variable(l.variables.beta, c, 0);
    });
  }

  void normalize_groups(const layer& l, const scalar_map& x, scalar_map& y) const {
    const int members = l.channels / l.groups;
    const double count = static_cast<double>(x.extents.height * x.extents.width * members);
    std::vector<double> mean(static_cast<std::size_t>(x.images * l.groups)), variance(mean.size());
    const auto group = [&](int n, int c) { return static_cast<std::size_t>(n * l.groups + c / members); };
    each(x, [&](int n, int r, int k, int c) { mean[group(n, c)] += x.at(n, r, k, c) / count; });
    each(x, [&](int n, int r, int k, int c) {
      const double d = x.at(n, r, k, c) - mean[group(n, c)];
      variance[group(n, c)] += d * d / count;
    });
    each(y, [&](int n, int r, int k, int c) {
      const auto g = group(n, c);
      y.at(n, r, k, c) = (x.at(n, r, k, c) - mean[g]) / std::sqrt(variance[g] + static_cast<double>(l.norm.epsilon)) *
                             variable(l.variables.gamma, c, 1) +
                         variable(l.variables.beta, c, 0);
    });
  }

  const network& net_;
  int batch_;
  size2 size_;
};

}  // namespace odt::test
