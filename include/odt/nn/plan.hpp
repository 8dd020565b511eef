// SPDX-License-Identifier: MIT
// A network lowered for a fixed batch and image size: a flat list of fused operations over buffers with known
// lifetimes. lower.hpp makes it.
#pragma once

#include <odt/core/image.hpp>

#include <cstdint>
#include <limits>
#include <vector>

namespace odt {

/// Where a tensor lies: NHWC with strides, counted in floats.
struct tensor_place {
  int buffer = -1;
  std::int64_t offset = 0;
  int height = 0;
  int width = 0;
  int channels = 0;
  std::int64_t pixel_stride = 0;
  std::int64_t image_stride = 0;
};

/// What a reader of a layer's output applies: y = min(max(x * scale[c] + shift[c], low), high), with scale and shift
/// from the plan's tables at `affine`, or none when negative.
struct pending_place {
  int affine = -1;
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};

/// A layer's output, its gradient, and the layers that finish it.
struct layer_place {
  tensor_place value;
  tensor_place gradient;
  pending_place pending;
  pending_place finish;  ///< producers: applied to what they write
  int producer = -1;     ///< the layer whose operation writes `value`
  int norm = -1;         ///< producers: the batch norm behind it
  int clamp = -1;        ///< producers: the activation behind it
  bool differentiable = false;
};

struct plan_buffer {
  std::int64_t floats = 0;
  int first = -1;  ///< the operation that writes it first
  int last = -1;   ///< the last one that uses it
};

/// What a plan's operations are, and their operands: x is the layer's input, y its output, dx and dy their gradients.
enum class operation : std::uint8_t {
  pad,                    ///< x -> y
  convolution,            ///< x -> y
  depthwise_convolution,  ///< x -> y
  separable_convolution,  ///< x -> y of a pointwise layer, x that of the depthwise one before it, whose y is nowhere
  normalize,              ///< statistics or moving averages to scale and shift
  max_pool,               ///< x -> y
  average_pool,           ///< x -> y
  dropout,                ///< x -> y
  loss,                   ///< y of each head -> dy of each head
  zero,                   ///< -> dy, which is then written in parts
  normalize_backward,     ///< y, dy -> dy
  clamp_backward,         ///< y, dy -> dy
  weights_backward,       ///< x, dy
  data_backward,          ///< dy -> dx; with sums reads x
  depthwise_backward,     ///< x, dy -> dx, where the input has one; and the weights' gradient
  max_pool_backward,      ///< x, dy -> dx
  average_pool_backward,  ///< dy -> dx
  dropout_backward        ///< dy -> dx
};

/// What an operation does with a tensor; `add` reads and writes.
enum class access : std::uint8_t { read, write, add };

/// A tensor that an operation works on: the output of a layer, or the gradient of that.
struct operand {
  int layer = 0;
  bool gradient = false;
  access how = access::read;
};

struct plan_operation {
  operation kind = operation::convolution;
  int layer = 0;                    ///< the layer it belongs to
  std::vector<operand> operands{};  ///< what is read, then what is written, as the kind has them
  bool sums = false;                ///< completes the gradient of the layer's input, and leaves its batch norm's sums
  bool summed = false;              ///< normalize_backward: the sums are there

  /// The layer whose output it reads or sends a gradient to.
  constexpr int input() const {
    for (const operand& o : operands)
      if (o.layer != layer) return o.layer;
    return layer;
  }

  /// Whether it adds to what it writes.
  constexpr bool accumulates() const { return !operands.empty() && operands.back().how == access::add; }
};

enum class run_mode : std::uint8_t { train, infer };

/// A network lowered for one batch and image size.
struct plan {
  int batch = 0;
  size2 image;
  run_mode mode = run_mode::train;
  int anchors = 0;
  int code_size = 4;
  int class_slots = 0;
  int affines = 0;                  ///< length of the tables of scales and shifts
  std::vector<layer_place> places;  ///< by layer
  std::vector<plan_buffer> buffers;
  std::vector<plan_operation> operations;
  int logits = -1, encodings = -1;                    ///< buffers [batch, anchors, class_slots or code_size]
  int logits_gradient = -1, encodings_gradient = -1;  ///< train only
};

/// Where an operand lies.
constexpr const tensor_place& place_of(const plan& p, const operand& o) {
  const layer_place& place = p.places[static_cast<std::size_t>(o.layer)];
  return o.gradient ? place.gradient : place.value;
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
