// SPDX-License-Identifier: MIT
#pragma once

#include <odt/exec/cuda/network_runner.cuh>
#include <odt/nn/cost.hpp>

namespace odt::cuda {

template <class T>
void network_runner<T>::run_backward(const plan_operation& op, int number, const float* values, float* gradients) {
  const layer& l = net_[op.layer];
  const plan& p = current_->what;
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
  const auto gradient = [gradients](std::int64_t offset) { return offset >= 0 ? gradients + offset : nullptr; };
  const tensor<T> dx = written(op);
  const auto dy = [&] { return tensor<const T>(at<T>(p.gradient(op.layer))); };
  const bool adds = op.accumulates();
  switch (op.kind) {
    case operation::zero:
      return clear(stream_, dx);
    case operation::normalize_backward:
      return adding(op, gradients, stream_, memory_.shared.data(), [&] { normalize_backward(op, gradients); });
    case operation::clamp_backward:
      return activation_backward(stream_, input(op), dx);
    case operation::weights_backward:
      return p.in_output(p.gradient(op.layer))
                 ? weights_gradient_beside(op, number, padded_gradient(op.layer, true), gradients)
                 : weights_gradient_beside(op, number, dy(), gradients);
    case operation::data_backward:
      return p.in_output(p.gradient(op.layer)) ? data_gradient(op, padded_gradient(op.layer, false))
                                               : data_gradient(op, dy());
    case operation::depthwise_backward:
      return adding(op, gradients, stream_, memory_.shared.data(),
                    [&] { depthwise_gradients(op, dy(), values, gradients); });
    case operation::copy_backward:
      if (const tensor_view& from = operand_of(op, 0); p.in_output(from))
        return odt::cuda::copy(stream_, reading<float>{at<float>(from)}, dx, adds);
      return apply_backward(stream_, elementwise{}, reading<T>{}, input(op).x, dx, adds);
    case operation::apply_backward:
      return apply_backward(stream_, l.function, input(op, 0), input(op, 1).x, dx, adds);
    case operation::group_norm_backward:
      return adding(op, gradients, stream_, memory_.shared.data(), [&] {
        const int first = p.of(op.layer).statistics;
        group_norm_backward(stream_, {l.groups, l.norm.epsilon}, input(op, 0), mean(first), inv_std(first),
                            vars.gamma >= 0 ? values + vars.gamma : nullptr, input(op, 1).x, dx, adds,
                            gradient(vars.gamma), gradient(vars.beta), memory_.scratch.data());
      });
    case operation::max_pool_backward:
      return max_pool_backward(stream_, window_of(l, operand_of(op, 0)), input(op, 0), input(op, 1).x, dx, adds,
                               reinterpret_cast<std::uint8_t*>(memory_.scratch.data()));
    case operation::average_pool_backward:
      return avg_pool_backward(stream_, window_of(l, p[op.operands.back()]), input(op).x, dx, adds);
    case operation::global_pool_backward:
      return global_pool_backward(stream_, input(op).x, dx, adds);
    case operation::multiply_backward:
      if (dx.height * dx.width < input(op, 1).x.height * input(op, 1).x.width)
        return multiply_and_sum(stream_, input(op, 0), input(op, 1).x, dx, adds);
      return multiply(stream_, input(op, 1), input(op, 0), dx, adds);
    case operation::upsample_backward:
      return upsample_backward(stream_, l.multiplier, input(op).x, dx, adds);
    case operation::crop_and_resize_backward:
      return crop_and_resize_backward(stream_, crop_boxes(l), dy(), dx, adds);
    case operation::position_sensitive_crop_backward:
      return position_sensitive_crop_backward(stream_, bins_of(l), crop_boxes(l), dy(), dx, adds);
    case operation::dropout_backward:
      return dropout(stream_, input(op), dx, adds, choice_of_dropout(op.layer));
    default:
      fail("layer ", l.name, ": a GPU does not run ", name_of(op.kind), " backward");
  }
}

template <class T>
void network_runner<T>::normalize_backward(const plan_operation& op, float* gradients) {
  const tensor_view& z = operand_of(op, 0);
  const int norm = current_->what.of(op.layer).norm, first = z.pending.affine;
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(norm)];
  batch_norm_backward(stream_, reading_of(z), mean(first), inv_std(first), written(op),
                      vars.gamma >= 0 ? gradients + vars.gamma : nullptr,
                      vars.beta >= 0 ? gradients + vars.beta : nullptr, !net_[norm].norm.train, partial(first),
                      op.summed ? current_->parts[static_cast<std::size_t>(first)] : 0, memory_.scratch.data());
}

template <class T>
tensor<const T> network_runner<T>::padded_gradient(int layer, bool weights) {
  const tensor_view& p = current_->what.gradient(layer);
  const std::int64_t columns = packed(joint_matrix_of(net_, heads_, layer).columns),
                     image = columns * p.height * p.width;
  if (!weights) padded_used_ -= p.images * image;
  T* const to = memory_.padded.data() + padded_used_;
  padded_used_ += p.images * image;
  const tensor<const float> own(at<float>(p));
  if (weights && heads_.runs_both(layer))
    pad_channels(stream_, tensor<const float>(at<float>(current_->what.gradient(heads_.partner(layer)))), own, to);
  else if (weights)
    pad_channels(stream_, own, {}, to);
  return {to, p.images, p.height, p.width, static_cast<int>(columns), columns, image};
}

template <class T>
void network_runner<T>::weights_gradient_beside(const plan_operation& op, int number, const tensor<const T>& dy,
                                                float* gradients) {
  const auto work = [&](cudaStream_t stream) {
    adding(op, gradients, stream, memory_.side_shared.data(),
           [&] { weights_gradient(stream, op, dy, gradients, memory_.side_scratch.data()); });
  };
  if (observer) return work(stream_);
  side_.begin_after(stream_);
  work(side_.stream());
  side_.end(number);
}

template <class T>
void network_runner<T>::weights_gradient(cudaStream_t stream, const plan_operation& op, const tensor<const T>& dy,
                                         float* gradients, float* scratch) {
  const auto [w, x] = input_of(op);
  const auto to = [&](int layer) -> gradient_target {
    const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(layer)];
    return {matrix_of(net_, net_[layer]), gradients + vars.weights,
            vars.biases >= 0 ? gradients + vars.biases : nullptr};
  };
  if (heads_.runs_both(op.layer))
    conv_backward_weights(stream, w, x, dy, to(heads_.partner(op.layer)), to(op.layer), scratch);
  else
    conv_backward_weights(stream, w, x, dy, to(op.layer), scratch);
}

template <class T>
void network_runner<T>::data_gradient(const plan_operation& op, const tensor<const T>& dy) {
  const layer& l = net_[op.layer];
  const tensor_view& x = current_->what.value(l.inputs[0]);
  const gradient_sums<T> sums = op.sums ? sums_of(x) : gradient_sums<T>{};
  const T* const weights = packed_weights(heads_.runs_both(op.layer) ? heads_.partner(op.layer) : op.layer);
  const int parts = conv_backward_data(stream_, window_of(l, x), dy, weights, written(op), op.accumulates(), sums);
  if (op.sums) note_parts(x.pending.affine, x.channels, parts);
}

template <class T>
void network_runner<T>::depthwise_gradients(const plan_operation& op, const tensor<const T>& dy, const float* values,
                                            float* gradients) {
  const layer& l = net_[op.layer];
  if (runs_dense(l)) {
    weights_gradient(stream_, op, dy, gradients, memory_.scratch.data());
    if (written(op).data) data_gradient(op, dy);
    return;
  }
  const tensor_view& x = current_->what.value(l.inputs[0]);
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
  const gradient_sums<T> sums = op.sums ? sums_of(x) : gradient_sums<T>{};
  const int parts = depthwise_backward(
      stream_, window_of(l, x), input(op), dy, values + vars.weights, written(op), op.accumulates(),
      gradients + vars.weights, vars.biases >= 0 ? gradients + vars.biases : nullptr, sums, memory_.scratch.data());
  if (op.sums) note_parts(x.pending.affine, x.channels, parts);
}

}  // namespace odt::cuda
