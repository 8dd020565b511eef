// SPDX-License-Identifier: MIT
#pragma once

#include <odt/exec/cpu/kernels.hpp>
#include <odt/exec/cpu/runner_plan.hpp>
#include <odt/nn/cost.hpp>
#include <odt/nn/progress.hpp>

#include <algorithm>
#include <functional>

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE void runner::run_backward(const plan_operation& op, const float* values, float* gradients) {
  if (op.adds) return add_to_earlier(op, gradients, [&] { differentiate(op, values, gradients); });
  differentiate(op, values, gradients);
}

/// Runs an operation that overwrites gradients of variables which other layers have begun.
ODT_INLINE void runner::add_to_earlier(const plan_operation& op, float* gradients, const std::function<void()>& work) {
  const int layer = variables_of(current_->what, op);
  each_trained_gradient(net_, layout_, layer, [&](std::int64_t offset, std::int64_t at, std::int64_t size) {
    std::copy_n(gradients + offset, size, earlier_.data() + at);
  });
  work();
  each_trained_gradient(net_, layout_, layer, [&](std::int64_t offset, std::int64_t at, std::int64_t size) {
    for (std::int64_t i = 0; i < size; ++i) gradients[offset + i] += earlier_[static_cast<std::size_t>(at + i)];
  });
}

ODT_INLINE void runner::differentiate(const plan_operation& op, const float* values, float* gradients) {
  const plan& p = current_->what;
  const layer& l = net_[op.layer];
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
  const auto gradient = [gradients](std::int64_t offset) { return offset >= 0 ? gradients + offset : nullptr; };
  const tensor dx = written(op);
  const bool adds = op.accumulates();
  switch (op.kind) {
    case operation::zero:
      return clear(dx);
    case operation::normalize_backward:
      return normalize_backward(op, gradients);
    case operation::clamp_backward:
      return activation_backward(pool_, input(op), dx);
    case operation::weights_backward:
    case operation::data_backward:
    case operation::depthwise_backward:
      return convolve_backward(op, values, gradients);
    case operation::copy_backward:
      return apply_backward(pool_, {}, {}, input(op), dx, adds);
    case operation::apply_backward:
      return apply_backward(pool_, l.function, input(op, 0), input(op, 1), dx, adds);
    case operation::group_norm_backward: {
      const int first = p.of(op.layer).statistics;
      return group_norm_backward(pool_, {l.groups, l.norm.epsilon}, input(op, 0), mean_.data() + first,
                                 inv_std_.data() + first, vars.gamma >= 0 ? values + vars.gamma : nullptr, input(op, 1),
                                 dx, adds, gradient(vars.gamma), gradient(vars.beta), memory_.data());
    }
    case operation::max_pool_backward:
      return max_pool_backward(pool_, detail::window_of(l, p[op.operands[0]]), input(op, 0), input(op, 1), dx, adds);
    case operation::average_pool_backward:
      return avg_pool_backward(pool_, detail::window_of(l, p[op.operands.back()]), input(op), dx, adds);
    case operation::global_pool_backward:
      return global_pool_backward(pool_, input(op), dx, adds);
    case operation::multiply_backward:
      if (dx.height * dx.width < input(op, 1).height * input(op, 1).width)
        return multiply_and_sum(pool_, input(op, 0), input(op, 1), dx, adds);
      return multiply(pool_, input(op, 1), input(op, 0), dx, adds);
    case operation::upsample_backward:
      return upsample_backward(pool_, l.multiplier, input(op), dx, adds);
    case operation::crop_and_resize_backward:
    case operation::position_sensitive_crop_backward:
      return crop_backward(op);
    case operation::dropout_backward:
      return dropout(pool_, at(p[op.operands[0]]), dx, adds, choice_of(op.layer));
    default:
      fail("layer ", l.name, ": the CPU does not run ", name_of(op.kind), " backward");
  }
}

ODT_INLINE void runner::normalize_backward(const plan_operation& op, float* gradients) {
  const tensor_view& z = current_->what[op.operands[0]];
  const int norm = current_->what.of(op.layer).norm;
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(norm)];
  const gradient_sums ready = sums_of(z);
  batch_norm_backward(pool_, reading_of(z), mean_.data() + z.pending.affine, inv_std_.data() + z.pending.affine,
                      written(op), vars.gamma >= 0 ? gradients + vars.gamma : nullptr,
                      vars.beta >= 0 ? gradients + vars.beta : nullptr, !net_[norm].norm.train, memory_.data(),
                      op.summed ? &ready : nullptr, sum_over_ranks);
}

ODT_INLINE void runner::convolve_backward(const plan_operation& op, const float* values, float* gradients) {
  const plan& p = current_->what;
  const layer& l = net_[op.layer];
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
  const window w = detail::window_of(l, p.value(l.inputs[0]), precision_);
  const tensor_view& own = p.gradient(op.layer);
  const const_tensor dy = reading(at(own));
  float* const bias = vars.biases >= 0 ? gradients + vars.biases : nullptr;
  const gradient_sums sums = op.sums ? sums_of(p.value(l.inputs[0])) : gradient_sums{};
  const gradient_kind kind = p.in_output(own) ? gradient_kind::sparse : gradient_kind::dense;  // mining leaves zeros
  if (op.kind == operation::weights_backward)
    return conv_backward_weights(pool_, w, input(op), dy, gradients + vars.weights, bias, memory_.data(), false, kind);
  if (op.kind == operation::data_backward)
    return conv_backward_data(pool_, w, dy, values + vars.weights, written(op), op.accumulates(), memory_.data(),
                              op.sums ? &sums : nullptr, kind);
  depthwise_backward(pool_, w, input(op), dy, values + vars.weights, written(op), op.accumulates(),
                     gradients + vars.weights, bias, op.sums ? &sums : nullptr, memory_.data());
}

ODT_INLINE gradient_sums runner::sums_of(const tensor_view& v) {
  const int first = v.pending.affine;
  return {reading_of(v), mean_.data() + first, sum_.data() + first, product_.data() + first};
}

ODT_INLINE void runner::crop_backward(const plan_operation& op) {
  const layer& l = net_[op.layer];
  const const_tensor dy = input(op, static_cast<int>(l.inputs.size()) - 1);
  if (op.kind == operation::crop_and_resize_backward)
    return crop_and_resize_backward(pool_, boxes_of(op), dy, written(op), op.accumulates());
  position_sensitive_crop_backward(pool_, detail::bins_of(l), boxes_of(op), dy, written(op), op.accumulates());
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
