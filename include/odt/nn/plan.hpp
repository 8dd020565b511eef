// SPDX-License-Identifier: MIT
// A network lowered for a fixed batch and image size: a flat list of fused operations over buffers with known
// lifetimes. lower.hpp makes it.
#pragma once

#include <odt/core/image.hpp>
#include <odt/nn/layer.hpp>

#include <cstdint>
#include <limits>
#include <vector>

namespace odt {

/// What the reader of a tensor applies: y = min(max(x * scale[c] + shift[c], low), high), with scale and shift from the
/// plan's tables at `affine`, or none when negative.
struct pending_place {
  int affine = -1;
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  constexpr bool clamps() const {
    return low > -std::numeric_limits<float>::infinity() || high < std::numeric_limits<float>::infinity();
  }
  /// Whether the reader sees what lies in memory.
  constexpr bool none() const { return affine < 0 && !clamps(); }
};

/// A tensor: a part of a buffer, NHWC with strides counted in elements, and what its reader applies.
struct tensor_view {
  int buffer = -1;
  std::int64_t offset = 0;
  int images = 0;
  int height = 0;
  int width = 0;
  int channels = 0;
  std::int64_t pixel_stride = 0;
  std::int64_t image_stride = 0;
  pending_place pending{};

  constexpr std::int64_t elements() const { return std::int64_t{images} * height * width * channels; }
  /// Whether the pixels lie side by side, with no others' channels between.
  constexpr bool whole() const { return pixel_stride == channels; }
};

/// A layer's output, its gradient, and the layers that finish it.
struct layer_views {
  int value = -1;          ///< number of a view; -1: it is nowhere in memory
  int gradient = -1;       ///< number of a view; -1: none is computed
  pending_place finish{};  ///< producers: applied to what they write
  int producer = -1;       ///< the layer whose operation writes `value`
  int norm = -1;           ///< producers: the batch norm behind it, as a pending of `value`
  int clamp = -1;          ///< producers: the activation behind it, as a pending of `value`
  int statistics = -1;     ///< group norm: where its means lie in the plan's tables, one an image and group
  bool live = true;        ///< computed in this mode
  bool differentiable = false;
};

struct plan_buffer {
  std::int64_t floats = 0;
  int first = -1;  ///< the operation that writes it first
  int last = -1;   ///< the last one that uses it
};

/// What a plan's operations are, and their operands: x is the layer's input, y its output, dx and dy their gradients.
enum class operation : std::uint8_t {
  pad,                       ///< x -> y
  convolution,               ///< x -> y
  depthwise_convolution,     ///< x -> y
  separable_convolution,     ///< x -> y of a pointwise layer, x that of the depthwise one before it, whose y is nowhere
  statistics,                ///< y, as it lies in memory: its moments, for the batch norm behind it
  normalize,                 ///< statistics or moving averages to scale and shift
  copy,                      ///< x -> what its reader sees, elsewhere
  apply,                     ///< x -> y by the layer's function
  group_norm,                ///< x -> y
  max_pool,                  ///< x -> y
  average_pool,              ///< x -> y
  global_pool,               ///< x -> y
  add,                       ///< both x -> y
  multiply,                  ///< both x -> y
  upsample,                  ///< x -> y
  dropout,                   ///< x -> y
  regions,                   ///< the detector's own: outputs so far -> boxes
  crop_and_resize,           ///< x, boxes where there are some -> y
  position_sensitive_crop,   ///< x, boxes -> y
  loss,                      ///< the detector's own: outputs -> their gradients
  zero,                      ///< -> dy, which is then written in parts
  normalize_backward,        ///< y, dy -> dy
  clamp_backward,            ///< y, dy -> dy
  weights_backward,          ///< x, dy
  data_backward,             ///< dy -> dx; with sums reads x
  depthwise_backward,        ///< x, dy -> dx, where the input has one; and the weights' gradient
  copy_backward,             ///< dy -> dx
  apply_backward,            ///< x, dy -> dx
  group_norm_backward,       ///< x, dy -> dx, where the input has one; and the variables' gradients
  max_pool_backward,         ///< x, dy -> dx
  average_pool_backward,     ///< dy -> dx
  global_pool_backward,      ///< dy -> dx
  multiply_backward,         ///< the other x, dy -> dx
  upsample_backward,         ///< dy -> dx
  dropout_backward,          ///< dy -> dx
  crop_and_resize_backward,  ///< boxes where there are some, dy -> dx
  position_sensitive_crop_backward  ///< boxes, dy -> dx
};

/// What an operation does with a tensor; `add` reads and writes.
enum class access : std::uint8_t { read, write, add };

/// A tensor that an operation works on.
struct operand {
  int view = 0;
  access how = access::read;
};

struct plan_operation {
  operation kind = operation::convolution;
  int layer = 0;                    ///< the layer it belongs to
  std::vector<operand> operands{};  ///< what is read, then what is written, as the kind has them
  bool sums = false;                ///< completes the gradient of the layer's input, and leaves its batch norm's sums
  bool summed = false;              ///< normalize_backward: the sums are there
  bool adds = false;                ///< adds to its variables' gradients, which another layer has begun

  /// Whether it adds to what it writes.
  constexpr bool accumulates() const { return !operands.empty() && operands.back().how == access::add; }
};

/// An output of the network: views of images of one line, whose pixels are the rows and whose channels the columns,
/// each of a buffer of its own.
struct plan_output {
  int value = -1;     ///< -1: it is not wanted in this mode
  int gradient = -1;  ///< train only
};

/// A network lowered for one batch and image size.
struct plan {
  int batch = 0;
  size2 image{};
  run_mode mode = run_mode::train;
  int affines = 0;              ///< length of the tables of scales and shifts
  bool has_identities = false;  ///< whether parts of the tables are read that no batch norm fills: scale 1, shift 0
  std::vector<tensor_view> views{};
  std::vector<layer_views> layers{};  ///< by layer
  std::vector<plan_buffer> buffers{};
  std::vector<plan_operation> operations{};
  std::vector<plan_output> outputs{};  ///< as the network has them

  constexpr const tensor_view& operator[](const operand& o) const { return views[static_cast<std::size_t>(o.view)]; }
  constexpr const layer_views& of(int layer) const { return layers[static_cast<std::size_t>(layer)]; }
  /// A layer's output; it has to be in memory.
  constexpr const tensor_view& value(int layer) const { return views[static_cast<std::size_t>(of(layer).value)]; }
  constexpr const tensor_view& gradient(int layer) const { return views[static_cast<std::size_t>(of(layer).gradient)]; }

  constexpr const tensor_view& output(int number) const {
    return views[static_cast<std::size_t>(outputs[static_cast<std::size_t>(number)].value)];
  }
  /// Rows and columns of an output.
  constexpr int rows(int number) const { return output(number).width; }
  constexpr int columns(int number) const { return output(number).channels; }

  /// Whether a view is a part of an output or of the gradient of one.
  constexpr bool in_output(const tensor_view& v) const {
    for (const plan_output& o : outputs)
      for (const int whole : {o.value, o.gradient})
        if (whole >= 0 && v.buffer == views[static_cast<std::size_t>(whole)].buffer) return true;
    return false;
  }
};

/// The layer whose variables an operation reads, or whose gradients it writes.
constexpr int variables_of(const plan& p, const plan_operation& op) {
  return op.kind == operation::normalize_backward ? p.of(op.layer).norm : op.layer;
}

/// Bytes of the buffers that live at once, at most: what the arena of the plan needs if packed perfectly.
constexpr std::int64_t peak_bytes(const plan& p) {
  std::vector<std::int64_t> change(p.operations.size() + 2, 0);
  for (const plan_buffer& b : p.buffers) {
    change[static_cast<std::size_t>(b.first)] += b.floats;
    change[static_cast<std::size_t>(b.last) + 1] -= b.floats;
  }
  std::int64_t live = 0, peak = 0;
  for (const std::int64_t c : change) {
    live += c;
    if (live > peak) peak = live;
  }
  return peak * std::int64_t{sizeof(float)};
}

}  // namespace odt
