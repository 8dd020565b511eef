// SPDX-License-Identifier: MIT
#pragma once

#include <odt/exec/cpu/depthwise/separable.hpp>
#include <odt/exec/cpu/kernels.hpp>
#include <odt/exec/cpu/machine/vector_tools.hpp>
#include <odt/exec/cpu/runner_plan.hpp>
#include <odt/nn/cost.hpp>

#include <algorithm>

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE void runner::run_forward(const plan_operation& op, float* values) {
  const layer& l = net_[op.layer];
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
  const auto variable = [values](std::int64_t offset) { return offset >= 0 ? values + offset : nullptr; };
  switch (op.kind) {
    case operation::normalize:
      return normalize(op.layer, values);
    case operation::statistics: {
      const tensor_view& raw = current_->what[op.operands[0]];
      return compute_statistics(pool_, reading(at(raw)), statistics_of(raw.pending.affine), memory_.data());
    }
    case operation::convolution:
    case operation::depthwise_convolution:
      return convolve(op, values);
    case operation::separable_convolution:
      return convolve_separable(op, values);
    case operation::copy:
      return apply(pool_, {}, input(op), written(op));
    case operation::apply:
      return apply(pool_, l.function, input(op), written(op));
    case operation::group_norm: {
      const int first = current_->what.of(op.layer).statistics;
      return group_norm(pool_, {l.groups, l.norm.epsilon}, input(op), variable(vars.gamma), variable(vars.beta),
                        written(op), mean_.data() + first, inv_std_.data() + first);
    }
    case operation::max_pool:
      return max_pool_forward(pool_, detail::window_of(l, current_->what[op.operands[0]]), input(op), written(op));
    case operation::average_pool:
      return avg_pool_forward(pool_, detail::window_of(l, current_->what[op.operands[0]]), input(op), written(op));
    case operation::global_pool:
      return global_pool(pool_, input(op), written(op));
    case operation::add:
      return add(pool_, input(op, 0), input(op, 1), written(op));
    case operation::multiply:
      return multiply(pool_, input(op, 0), input(op, 1), written(op), false);
    case operation::upsample:
      return upsample(pool_, l.multiplier, input(op), written(op));
    case operation::dropout:
      return drop(op);
    case operation::pad:
      return pad(pool_, input(op), written(op));
    case operation::regions:
      if (!choose_regions) fail(l.name, ": nobody chooses the boxes of this layer; set runner::choose_regions");
      return choose_regions(op.layer, reinterpret_cast<boxf*>(written(op).data));
    case operation::crop_and_resize:
    case operation::position_sensitive_crop:
      return crop(op);
    default:
      fail("layer ", l.name, ": the CPU does not run ", name_of(op.kind), " forward");
  }
}

ODT_INLINE batch_statistics runner::statistics_of(int affine) {
  return {mean_.data() + affine, inv_std_.data() + affine};
}

ODT_INLINE void runner::convolve(const plan_operation& op, const float* values) {
  const plan& p = current_->what;
  const layer_views& place = p.of(op.layer);
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
  const window w = detail::window_of(net_[op.layer], p[op.operands[0]], precision_);
  const float* weights = values + vars.weights;
  const float* bias = vars.biases >= 0 ? values + vars.biases : nullptr;
  batch_statistics statistics;
  const bool wants_statistics = p.mode == run_mode::train && place.norm >= 0 && net_[place.norm].norm.train;
  if (wants_statistics) statistics = statistics_of(p.value(op.layer).pending.affine);
  const batch_statistics* const to = wants_statistics ? &statistics : nullptr;
  const pending finish = transform_of(place.finish);
  if (op.kind == operation::depthwise_convolution)
    return depthwise_forward(pool_, w, input(op), weights, bias, written(op), to, memory_.data(), finish);
  const bool keeps = p.mode == run_mode::infer;
  const float* packed = keeps ? packed_.get(pool_, convolution_of(p, op.layer), weights) : nullptr;
  conv_forward(pool_, w, input(op), weights, bias, written(op), to, memory_.data(), finish, packed);
}

ODT_INLINE void runner::convolve_separable(const plan_operation& op, const float* values) {
  const plan& p = current_->what;
  const auto stage = [&](int number, const float* weights) -> separable_stage {
    const std::int64_t biases = layout_.layers[static_cast<std::size_t>(number)].biases;
    return {detail::window_of(net_[number], p.value(net_[number].inputs[0]), precision_), weights,
            biases >= 0 ? values + biases : nullptr, transform_of(p.of(number).finish)};
  };
  const auto weights_of = [&](int number) { return values + layout_.layers[static_cast<std::size_t>(number)].weights; };
  const int depthwise = p.of(net_[op.layer].inputs[0]).producer;
  const packed_weights::request pointwise = convolution_of(p, op.layer);
  separable_forward(pool_, stage(depthwise, weights_of(depthwise)),
                    stage(op.layer, packed_.get(pool_, pointwise, weights_of(op.layer))), input(op), pointwise.in,
                    written(op), memory_.data());
}

/// Statistics (left in mean_ and inv_std_ by the convolution) or moving averages to scale and shift.
ODT_INLINE void runner::normalize(int number, float* values) {
  const layer& l = net_[number];
  const plan& p = current_->what;
  const int producer = p.of(number).producer;
  const tensor_view& own = p.value(producer);
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(number)];
  const auto first = static_cast<std::size_t>(std::max(own.pending.affine, p.of(producer).finish.affine));
  const bool batch_statistics = p.mode == run_mode::train && l.norm.train;
  double count = static_cast<double>(own.images) * own.height * own.width;
  if (batch_statistics && sum_over_ranks)
    count = share_statistics(sum_over_ranks, l.channels, count, statistics_of(static_cast<int>(first)));
  const auto bessel = static_cast<float>(count / std::max(count - 1, 1.0));
  const vec one(1.0f), rate(1.0f - l.norm.decay), epsilon(l.norm.epsilon);
  for (int c = 0; c < l.channels; c += lanes) {
    const std::size_t i = first + static_cast<std::size_t>(c);
    const int rest = l.channels - c;
    const auto variable = [&](std::int64_t offset) { return load_first(values + offset + c, rest); };
    const vec moving_mean = variable(vars.moving_mean), moving_variance = variable(vars.moving_variance);
    const vec mean = batch_statistics ? load_first(&mean_[i], rest) : moving_mean;
    const vec variance = batch_statistics ? load_first(&inv_std_[i], rest) : moving_variance;
    if (batch_statistics) {
      store_first(values + vars.moving_mean + c, moving_mean - (moving_mean - mean) * rate, rest);
      store_first(values + vars.moving_variance + c,
                  moving_variance - (moving_variance - variance * vec(bessel)) * rate, rest);
    }
    const vec inv_std = one / xsimd::sqrt(variance + epsilon);
    const vec scale = (vars.gamma >= 0 ? variable(vars.gamma) : one) * inv_std;
    store_first(&mean_[i], mean, rest);
    store_first(&inv_std_[i], inv_std, rest);
    store_first(&scale_[i], scale, rest);
    store_first(&shift_[i], (vars.beta >= 0 ? variable(vars.beta) : vec(0.0f)) - mean * scale, rest);
  }
}

/// Identity where the plan does not train.
ODT_INLINE void runner::drop(const plan_operation& op) {
  const tensor y = written(op);
  apply(pool_, {}, input(op), y);
  if (current_->what.mode == run_mode::train) dropout(pool_, y, y, false, choice_of(op.layer));
}

ODT_INLINE void runner::crop(const plan_operation& op) {
  const layer& l = net_[op.layer];
  if (op.kind == operation::crop_and_resize) return crop_and_resize(pool_, input(op), boxes_of(op), written(op));
  position_sensitive_crop(pool_, detail::bins_of(l), input(op), boxes_of(op), written(op));
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
