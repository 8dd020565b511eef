// SPDX-License-Identifier: MIT
// What a plan asks of a GPU's memory: the arena of its precision, and what lies beside it. Needs no CUDA.
#pragma once

#include <odt/core/crop_taps.hpp>
#include <odt/detector.hpp>
#include <odt/exec/cuda/convolution/heads.hpp>
#include <odt/exec/cuda/machine/shapes.hpp>
#include <odt/nn/arena.hpp>
#include <odt/nn/lower.hpp>
#include <odt/nn/variable_layout.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace odt::cuda {

/// By buffer of a plan: whether it holds floats in every precision, as outputs and boxes are.
inline std::vector<bool> float_buffers(const plan& p) {
  std::vector<bool> floats(p.buffers.size());
  for (const tensor_view& v : p.views)
    if (v.buffer >= 0 && p.in_output(v)) floats[static_cast<std::size_t>(v.buffer)] = true;
  for (const plan_operation& op : p.operations)
    if (op.kind == operation::regions) floats[static_cast<std::size_t>(p[op.operands.back()].buffer)] = true;
  return floats;
}

/// Packs the buffers of a plan whose activations take `size` bytes each, floats four.
inline arena_layout pack_for(plan p, std::size_t size) {
  const std::vector<bool> floats = float_buffers(p);
  for (std::size_t i = 0; i < p.buffers.size(); ++i)
    if (!floats[i]) p.buffers[i].floats = (p.buffers[i].floats * static_cast<std::int64_t>(size) + 3) / 4;
  return pack(p);
}

/// The bins of a layer that crops position sensitively.
inline position_sensitive_bins bins_of(const layer& l) {
  return {l.bins.height, l.bins.width, l.crop.height, l.crop.width};
}

/// The window of a layer over an input of the given size.
inline window window_of(const layer& l, const tensor_view& in) {
  return {l.kernel_height,
          l.kernel_width,
          l.stride,
          l.rate,
          place_window(in.height, l.kernel_height, l.stride, l.rate, l.border).before,
          place_window(in.width, l.kernel_width, l.stride, l.rate, l.border).before};
}

/// Whether a layer runs as a product of matrices; a depthwise convolution with few inputs and several outputs each
/// does, as a dense one with zeros.
inline bool runs_dense(const layer& l) {
  return l.kind == layer_kind::convolution || (l.kind == layer_kind::depthwise_convolution && l.multiplier > 1);
}

/// The weights of a layer that runs dense.
inline weights_matrix matrix_of(const network& net, const layer& l) {
  return {l.kernel_height * l.kernel_width * net.channels(l.inputs[0]), l.channels,
          l.kind == layer_kind::convolution ? 0 : l.multiplier};
}

/// The same with the weights of the head that runs with it.
inline weights_matrix joint_matrix_of(const network& net, const joint_heads& heads, int layer) {
  const weights_matrix own = matrix_of(net, net[layer]);
  return heads.runs_both(layer) ? side_by_side(matrix_of(net, net[heads.partner(layer)]), own) : own;
}

/// The one layer that reads the images, if it is a convolution that runs dense, else 0: it reads patches of them, since
/// pixels of three channels make no vectors.
inline int layer_of_patches(const network& net) {
  int found = 0;
  for (int i = 1; i < net.size(); ++i)
    for (const int input : net[i].inputs)
      if (input == 0) {
        if (found != 0 || !runs_dense(net[i])) return 0;
        found = i;
      }
  return found;
}

/// Rows of a plan's tables of `affines` floats: scale, shift, mean, inv_std, sums.
inline constexpr std::int64_t table_rows = 4 + 3 * most_parts;

/// Elements of memory that plans need. What serves several plans is as large as the largest of them wants.
struct plan_needs {
  std::int64_t arena = 0;         ///< floats
  std::int64_t tables = 0;        ///< floats
  std::int64_t scratch = 0;       ///< floats
  std::int64_t side_scratch = 0;  ///< floats, for what runs beside
  std::int64_t shared = 0;        ///< floats: a gradient that is added to an earlier one
  std::int64_t side_shared = 0;   ///< floats: the same of what runs beside
  std::int64_t padded = 0;        ///< of the activations' type: gradients of predictions
  std::int64_t patches = 0;       ///< of the activations' type

  plan_needs() = default;
  /// Of one plan that is laid out like that, on a GPU of so many multiprocessors.
  plan_needs(const network& net, const plan& p, const arena_layout& where, int processors)
      : arena(where.floats), tables(table_rows * p.affines) {
    const joint_heads heads(net);
    for (const plan_operation& op : p.operations)
      if (!heads.run_by_partner(op.layer)) add(net, heads, p, op, processors);
    if (const int first = layer_of_patches(net); first > 0)
      patches = pixels(p, first) * packed(matrix_of(net, net[first]).rows);
  }

  void include(const plan_needs& other) {
    for (const auto own : {&plan_needs::arena, &plan_needs::tables, &plan_needs::scratch, &plan_needs::side_scratch,
                           &plan_needs::shared, &plan_needs::side_shared, &plan_needs::padded, &plan_needs::patches})
      this->*own = std::max(this->*own, other.*own);
  }

  /// With activations of that size.
  std::int64_t bytes(std::size_t size) const {
    return (arena + tables + scratch + side_scratch + shared + side_shared) * std::int64_t{sizeof(float)} +
           (padded + patches) * static_cast<std::int64_t>(size);
  }

 private:
  static std::int64_t pixels(const plan& p, int layer) {
    const tensor_view& out = p.value(layer);
    return std::int64_t{out.images} * out.height * out.width;
  }

  void add(const network& net, const joint_heads& heads, const plan& p, const plan_operation& op, int processors) {
    const layer& l = net[op.layer];
    if (l.inputs.empty()) return;
    const tensor_view& in = p.value(l.inputs[0]);
    const std::int64_t own_pixels = pixels(p, op.layer);
    std::int64_t floats = 0;
    if (op.kind == operation::weights_backward)
      side_scratch =
          std::max(side_scratch, conv_weights_scratch(joint_matrix_of(net, heads, op.layer), own_pixels, processors));
    else if (op.kind == operation::depthwise_backward && runs_dense(l))
      floats = conv_weights_scratch(matrix_of(net, l), own_pixels, processors);
    else if (op.kind == operation::depthwise_backward)
      floats = depthwise_backward_scratch(window_of(l, in), in.channels, processors);
    else if (op.kind == operation::max_pool_backward)
      floats = (own_pixels * l.channels + 3) / 4;
    else if (op.kind == operation::normalize_backward)
      floats = 2 * std::int64_t{l.channels};
    else if (l.kind == layer_kind::group_norm)
      floats = group_norm_scratch(in.images, l.channels, processors);
    scratch = std::max(scratch, (floats + 63) / 64 * 64);
    std::int64_t& earlier = op.kind == operation::weights_backward ? side_shared : shared;
    if (op.adds) earlier = std::max(earlier, trainable_floats(net, variables_of(p, op)));
    if (op.kind == operation::weights_backward && p.in_output(p.gradient(op.layer)))
      padded += own_pixels * packed(joint_matrix_of(net, heads, op.layer).columns);
  }
};

/// Where every dense layer's packed weights lie; -1 for the others.
struct packed_layout {
  std::vector<packing> matrices;
  std::vector<std::int64_t> at;  ///< by layer
  std::int64_t elements = 0;

  packed_layout(const network& net, const joint_heads& heads, const variable_layout& layout)
      : at(static_cast<std::size_t>(net.size()), -1) {
    for (int i = 0; i < net.size(); ++i) {
      if (!runs_dense(net[i]) || heads.run_by_partner(i)) continue;
      if (const int earlier = same_weights(net, heads, i); earlier >= 0) {
        at[static_cast<std::size_t>(i)] = at[static_cast<std::size_t>(earlier)];
        continue;
      }
      const weights_matrix all = joint_matrix_of(net, heads, i);
      const std::int64_t own = packed(all.columns) - packed(matrix_of(net, net[i]).columns);
      if (heads.runs_both(i)) add(net, layout, heads.partner(i), elements, packed(all.columns));
      add(net, layout, i, elements + own, packed(all.columns));
      elements += all.packed_elements();
    }
  }

 private:
  /// An earlier layer whose packed weights are this one's too, or -1.
  int same_weights(const network& net, const joint_heads& heads, int layer) const {
    for (int i = 0; i < layer; ++i)
      if (at[static_cast<std::size_t>(i)] >= 0 && net[i].variables.weights == net[layer].variables.weights &&
          net[i].kind == net[layer].kind && heads.partner(i) < 0 && heads.partner(layer) < 0)
        return i;
    return -1;
  }

  void add(const network& net, const variable_layout& layout, int layer, std::int64_t to, std::int64_t stride) {
    const auto l = static_cast<std::size_t>(layer);
    at[l] = to;
    matrices.push_back({matrix_of(net, net[layer]), layout.layers[l].weights, to, stride});
  }
};

/// Weight gradients run beside the chain of data gradients, this many operations behind it at most.
inline constexpr int side_lag = 8;

/// Keeps what weight gradients read for as long as they may still run.
inline void keep_for_side(plan& p) {
  const auto keep = [&p](int buffer, int last) {
    int& own = p.buffers[static_cast<std::size_t>(buffer)].last;
    own = std::max(own, std::min(last, static_cast<int>(p.operations.size())));
  };
  for (int i = 0; i < static_cast<int>(p.operations.size()); ++i) {
    const plan_operation& op = p.operations[static_cast<std::size_t>(i)];
    if (op.kind != operation::weights_backward) continue;
    for (const operand& o : op.operands) keep(p[o].buffer, i + side_lag);
  }
}

/// What the kernels do by themselves: all of them read pendings, but only dense convolutions write floats in every
/// precision.
inline constexpr back_end gpu_back_end{.can_output = [](layer_kind kind) { return kind == layer_kind::convolution; }};

/// The plan of a step as it runs on a GPU.
inline plan lower_for_gpu(const network& net, int batch, size2 image, run_mode mode) {
  plan p = lower(net, batch, image, mode, gpu_back_end);
  keep_for_side(p);
  return p;
}

/// Bytes of device memory that a runner takes when it has run steps of these shapes, with activations of that size:
/// arena, tables, scratch and packed weights.
inline std::int64_t runner_bytes(const network& net, const variable_layout& layout, std::span<const step_shape> steps,
                                 std::size_t size, int processors) {
  plan_needs needs;
  for (const step_shape& step : steps) {
    const plan p = lower_for_gpu(net, step.batch, step.image, step.trains ? run_mode::train : run_mode::infer);
    needs.include(plan_needs(net, p, pack_for(p, size), processors));
  }
  const packed_layout weights(net, joint_heads(net), layout);
  return needs.bytes(size) + weights.elements * static_cast<std::int64_t>(size) +
         static_cast<std::int64_t>(weights.matrices.size() * sizeof(packing));
}

}  // namespace odt::cuda
