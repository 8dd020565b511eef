// SPDX-License-Identifier: MIT
#pragma once

#include <odt/exec/cuda/network_runner.cuh>
#include <odt/nn/cost.hpp>

namespace odt::cuda {

template <class T>
void network_runner<T>::run_forward(const plan_operation& op, float* values) {
  const layer& l = net_[op.layer];
  const plan& p = current_->what;
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
  const auto variable = [values](std::int64_t offset) { return offset >= 0 ? values + offset : nullptr; };
  switch (op.kind) {
    case operation::normalize:
      return normalize_layer(op.layer, values);
    case operation::statistics: {
      const int first = operand_of(op, 0).pending.affine;
      return note_parts(first, l.channels,
                        compute_moments(stream_, reading<T>{at<T>(operand_of(op, 0))}, partial(first)));
    }
    case operation::convolution:
    case operation::depthwise_convolution:
      return p.in_output(p.value(op.layer)) ? predict(op, values) : convolve(op, values);
    case operation::copy:
      return copy(op);
    case operation::apply:
      return apply(stream_, l.function, input(op), written(op));
    case operation::group_norm: {
      const int first = p.of(op.layer).statistics;
      return group_norm(stream_, {l.groups, l.norm.epsilon}, input(op), variable(vars.gamma), variable(vars.beta),
                        written(op), mean(first), inv_std(first), memory_.scratch.data());
    }
    case operation::max_pool:
      return max_pool_forward(stream_, window_of(l, operand_of(op, 0)), input(op), written(op));
    case operation::average_pool:
      return avg_pool_forward(stream_, window_of(l, operand_of(op, 0)), input(op), written(op));
    case operation::global_pool:
      return global_pool(stream_, input(op), written(op));
    case operation::add:
      return add(stream_, input(op, 0), input(op, 1), written(op));
    case operation::multiply:
      return multiply(stream_, input(op, 0), input(op, 1), written(op), false);
    case operation::upsample:
      return upsample(stream_, l.multiplier, input(op), written(op));
    case operation::pad:
      return pad(stream_, input(op), written(op));
    case operation::regions:
      if (!choose_regions) fail(l.name, ": nobody chooses the boxes of this layer; set runner::choose_regions");
      return choose_regions(stream_, op.layer, boxes_of(op.layer));
    case operation::crop_and_resize:
      return crop_and_resize(stream_, input(op), crop_boxes(l), written(op));
    case operation::position_sensitive_crop:
      return position_sensitive_crop(stream_, bins_of(l), input(op), crop_boxes(l), written(op));
    case operation::dropout:
      if (p.mode != run_mode::train) return apply(stream_, elementwise{}, input(op), written(op));
      return dropout(stream_, input(op), written(op), false, choice_of_dropout(op.layer));
    default:
      fail("layer ", l.name, ": a GPU does not run ", name_of(op.kind), " forward");
  }
}

template <class T>
void network_runner<T>::copy(const plan_operation& op) {
  const tensor_view &from = operand_of(op, 0), &to = current_->what[op.operands.back()];
  if (!current_->what.in_output(to)) return apply(stream_, elementwise{}, input(op), at<T>(to));
  if (holds_floats(from)) return odt::cuda::copy(stream_, reading<float>{at<float>(from)}, at<float>(to), false);
  odt::cuda::copy(stream_, input(op), at<float>(to), false);
}

template <class T>
void network_runner<T>::convolve(const plan_operation& op, const float* values) {
  const layer& l = net_[op.layer];
  const layer_views& place = current_->what.of(op.layer);
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
  const int affine = current_->what.value(op.layer).pending.affine;
  const auto [w, x] = input_of(op);
  const float* const bias = biases_of(op.layer, values);
  const bool wants_moments = current_->what.mode == run_mode::train && place.norm >= 0 && net_[place.norm].norm.train;
  const partial_sums sums = wants_moments ? partial(affine) : partial_sums{};
  const pending finish = transform_of(place.finish);
  const tensor<T> y = written(op);
  const int parts = runs_dense(l) ? conv_forward(stream_, w, x, packed_weights(op.layer), bias, y, sums, finish)
                                  : depthwise_forward(stream_, w, x, values + vars.weights, bias, y, sums, finish);
  if (wants_moments) note_parts(affine, l.channels, parts);
}

template <class T>
void network_runner<T>::predict(const plan_operation& op, const float* values) {
  const auto [w, x] = input_of(op);
  if (!heads_.runs_both(op.layer))
    return conv_forward_heads(stream_, w, x, packed_weights(op.layer), output_of_head(op.layer, values));
  const int first = heads_.partner(op.layer);
  conv_forward_heads(stream_, w, x, packed_weights(first), output_of_head(first, values),
                     output_of_head(op.layer, values));
}

template <class T>
void network_runner<T>::normalize_layer(int number, float* values) {
  const layer& l = net_[number];
  const int producer = current_->what.of(number).producer;
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(number)];
  const int first = std::max(current_->what.value(producer).pending.affine, current_->what.of(producer).finish.affine);
  const bool batch_statistics = current_->what.mode == run_mode::train && l.norm.train;
  const norm_variables variables{vars.gamma >= 0 ? values + vars.gamma : nullptr,
                                 vars.beta >= 0 ? values + vars.beta : nullptr, values + vars.moving_mean,
                                 values + vars.moving_variance};
  normalize(stream_, {partial(first), current_->parts[static_cast<std::size_t>(first)]}, l.channels, l.norm,
            batch_statistics, variables, {mean(first), inv_std(first), scale(first), shift(first)});
}

}  // namespace odt::cuda
