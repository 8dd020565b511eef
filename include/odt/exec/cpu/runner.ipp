// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/depthwise/separable.hpp>
#include <odt/exec/cpu/kernels.hpp>
#include <odt/exec/cpu/machine/vector_tools.hpp>
#include <odt/exec/cpu/runner.hpp>
#include <odt/nn/lower.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE plan lower_for_cpu(const network& net, int batch, size2 image, run_mode mode) {
  return lower(net, batch, image, mode, [](const layer& l, std::int64_t pixels) {
    return l.multiplier == 1 && suits_separable({l.kernel_height, l.kernel_width, l.stride, l.stride, l.rate}, pixels);
  });
}

struct runner::prepared {
  plan what;
  arena_layout where;
};

ODT_INLINE runner::runner(const network& net, const variable_layout& layout, thread_pool& pool, precision compute)
    : net_(net), layout_(layout), pool_(pool), precision_(compute) {}

ODT_INLINE runner::~runner() = default;

ODT_INLINE const plan& runner::current() const { return current_->what; }

ODT_INLINE void runner::prepare(int batch, size2 image, run_mode mode) {
  const auto matches = [&](const std::unique_ptr<prepared>& p) {
    return p->what.batch == batch && p->what.image == image && p->what.mode == mode;
  };
  const auto found = std::ranges::find_if(plans_, matches);
  if (found != plans_.end()) {
    current_ = found->get();
    return;
  }
  plans_.push_back(std::make_unique<prepared>(
      prepared{keep_all_ ? lower(net_, batch, image, mode) : lower_for_cpu(net_, batch, image, mode), {}}));
  current_ = plans_.back().get();
  plan& p = current_->what;
  if (keep_all_)
    for (plan_buffer& b : p.buffers) b.first = 0, b.last = static_cast<int>(p.operations.size());
  current_->where = pack(p);

  scratch_bytes_ = std::max(scratch_bytes_, scratch_of(p));
  std::size_t floats = 0;
  for (const auto& each : plans_) floats = std::max(floats, static_cast<std::size_t>(each->where.floats));
  const std::size_t bytes = floats * sizeof(float) + scratch_bytes_;
  if (bytes > memory_.size()) {
    memory_ = {};
    memory_ = arena_memory(bytes);
  }
  const auto affines = static_cast<std::size_t>(p.affines);
  if (affines > scale_.size())
    for (auto* table : {&scale_, &shift_, &mean_, &inv_std_, &sum_, &product_}) table->resize(affines);
  if (mode == run_mode::infer) packed_.reserve(convolutions_of(p));
}

ODT_INLINE void runner::keep_all(bool keep) {
  keep_all_ = keep;
  plans_.clear();
  current_ = nullptr;
}

namespace detail {

ODT_INLINE shape extents(const tensor_place& place, int batch) {
  return {batch, place.height, place.width, place.channels};
}

/// The window of a layer over an input of the given size.
ODT_INLINE convolution window_of(const layer& l, const tensor_place& in, precision compute = precision::fp32) {
  return {l.kernel_height,
          l.kernel_width,
          l.stride,
          l.stride,
          l.rate,
          place_window(in.height, l.kernel_height, l.stride, l.rate, l.border).before,
          place_window(in.width, l.kernel_width, l.stride, l.rate, l.border).before,
          compute};
}

}  // namespace detail

ODT_INLINE packed_weights::request runner::convolution_of(const plan& p, int number) const {
  const auto value = [&p](int of) -> const tensor_place& { return p.places[static_cast<std::size_t>(of)].value; };
  const layer& l = net_[number];
  const tensor_place& in = value(l.inputs[0]);
  return {number, detail::window_of(l, in, precision_), detail::extents(in, p.batch),
          detail::extents(value(number), p.batch)};
}

ODT_INLINE std::vector<packed_weights::request> runner::convolutions_of(const plan& p) const {
  std::vector<packed_weights::request> all;
  for (const plan_operation& op : p.operations)
    if (op.kind == operation::convolution || op.kind == operation::separable_convolution)
      all.push_back(convolution_of(p, op.layer));
  return all;
}

ODT_INLINE std::size_t runner::scratch_of(const plan& p) const {
  std::size_t bytes = 0;
  const auto place = [&p](int l) -> const layer_place& { return p.places[static_cast<std::size_t>(l)]; };
  for (const plan_operation& op : p.operations) {
    const layer& l = net_[op.layer];
    if (l.inputs.empty()) continue;
    const tensor_place& in = place(l.inputs[0]).value;
    const shape x = detail::extents(in, p.batch), y = detail::extents(place(op.layer).value, p.batch);
    if (op.kind == operation::separable_convolution)
      bytes = std::max(bytes, separable_scratch(pool_.size()));
    else if (l.kind == layer_kind::convolution)
      bytes = std::max(bytes, conv_scratch(detail::window_of(l, in), x, y, pool_.size()));
    if (l.kind == layer_kind::depthwise_convolution)
      bytes = std::max(bytes, depthwise_scratch(detail::window_of(l, in), x, y, pool_.size()));
    bytes = std::max(bytes, batch_norm_scratch(y, pool_.size()));
  }
  return (bytes + 63) / 64 * 64;
}

ODT_INLINE tensor runner::at(const tensor_place& place) const {
  const std::int64_t offset = current_->where.offsets[static_cast<std::size_t>(place.buffer)] + place.offset;
  return {reinterpret_cast<float*>(memory_.data() + scratch_bytes_) + offset,
          current_->what.batch,
          place.height,
          place.width,
          place.channels,
          static_cast<std::ptrdiff_t>(place.pixel_stride),
          static_cast<std::ptrdiff_t>(place.image_stride)};
}

ODT_INLINE const_tensor runner::reading_of(int layer) const {
  const layer_place& place = place_of(layer);
  return reading(at(place.value), transform_of(place.pending));
}

ODT_INLINE pending runner::transform_of(const pending_place& place) const {
  pending transform{nullptr, nullptr, place.low, place.high};
  if (place.affine >= 0) transform.scale = scale_.data() + place.affine, transform.shift = shift_.data() + place.affine;
  return transform;
}

ODT_INLINE const layer_place& runner::place_of(int layer) const {
  return current_->what.places[static_cast<std::size_t>(layer)];
}

ODT_INLINE float* runner::images() { return at(current_->what.places[0].value).data; }

ODT_INLINE float* runner::logits() { return at({.buffer = current_->what.logits}).data; }
ODT_INLINE float* runner::encodings() { return at({.buffer = current_->what.encodings}).data; }
ODT_INLINE float* runner::logits_gradient() { return at({.buffer = current_->what.logits_gradient}).data; }
ODT_INLINE float* runner::encodings_gradient() { return at({.buffer = current_->what.encodings_gradient}).data; }

ODT_INLINE void runner::observe(const plan_operation& op, const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  observer(op, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

ODT_INLINE void runner::forward(float* values, const dropout_key& key) {
  key_ = key;
  std::ranges::fill(scale_, 1.0f);
  std::ranges::fill(shift_, 0.0f);
  for (const plan_operation& op : current_->what.operations) {
    if (op.kind == operation::loss) return;
    run(op, values, nullptr);
  }
}

ODT_INLINE void runner::backward(const float* values, float* gradients) {
  bool after_loss = false;
  for (const plan_operation& op : current_->what.operations) {
    if (after_loss) run(op, const_cast<float*>(values), gradients);
    if (op.kind == operation::loss) after_loss = true;
  }
}

ODT_INLINE void runner::run(const plan_operation& op, float* values, float* gradients) {
  const auto work = [&] { gradients ? run_backward(op, values, gradients) : run_forward(op, values); };
  observer ? observe(op, work) : work();
}

ODT_INLINE void runner::run_forward(const plan_operation& op, float* values) {
  const layer& l = net_[op.layer];
  const layer_place& place = place_of(op.layer);
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
  if (op.kind == operation::normalize) return normalize(op.layer, values);
  if (op.kind == operation::dropout) return drop(op, false);
  if (op.kind == operation::separable_convolution) return run_separable(op, values);
  const const_tensor x = reading_of(op.input());
  const tensor y = at(place.value);
  const convolution window = detail::window_of(l, place_of(op.input()).value, precision_);
  const float* bias = vars.biases >= 0 ? values + vars.biases : nullptr;
  batch_statistics statistics;
  const bool wants_statistics =
      current_->what.mode == run_mode::train && place.norm >= 0 && net_[place.norm].norm.train;
  if (wants_statistics) statistics = {mean_.data() + place.pending.affine, inv_std_.data() + place.pending.affine};
  switch (op.kind) {
    case operation::convolution: {
      const float* weights = values + vars.weights;
      const bool keeps = current_->what.mode == run_mode::infer;
      const float* packed = keeps ? packed_.get(pool_, convolution_of(current_->what, op.layer), weights) : nullptr;
      return conv_forward(pool_, window, x, weights, bias, y, wants_statistics ? &statistics : nullptr, memory_.data(),
                          transform_of(place.finish), packed);
    }
    case operation::depthwise_convolution:
      return depthwise_forward(pool_, window, x, values + vars.weights, bias, y,
                               wants_statistics ? &statistics : nullptr, memory_.data(), transform_of(place.finish));
    case operation::max_pool:
      return max_pool_forward(pool_, window, x, y);
    case operation::average_pool:
      return avg_pool_forward(pool_, window, x, y);
    case operation::pad:
      return pad(pool_, x, y);
    default:
      return;
  }
}

ODT_INLINE void runner::run_separable(const plan_operation& op, const float* values) {
  const auto stage = [&](int number, const float* weights) -> separable_stage {
    const layer_place& place = place_of(number);
    const std::int64_t biases = layout_.layers[static_cast<std::size_t>(number)].biases;
    return {detail::window_of(net_[number], place_of(net_[number].inputs[0]).value, precision_), weights,
            biases >= 0 ? values + biases : nullptr, transform_of(place.finish)};
  };
  const auto weights_of = [&](int number) { return values + layout_.layers[static_cast<std::size_t>(number)].weights; };
  const int depthwise = place_of(net_[op.layer].inputs[0]).producer;
  const packed_weights::request pointwise = convolution_of(current_->what, op.layer);
  separable_forward(pool_, stage(depthwise, weights_of(depthwise)),
                    stage(op.layer, packed_.get(pool_, pointwise, weights_of(op.layer))),
                    reading_of(net_[depthwise].inputs[0]), pointwise.in, at(place_of(op.layer).value), memory_.data());
}

ODT_INLINE void runner::run_backward(const plan_operation& op, const float* values, float* gradients) {
  const layer& l = net_[op.layer];
  const layer_place& place = place_of(op.layer);
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
  const tensor own = at(place.gradient);
  if (op.kind == operation::zero) return clear(own);
  if (op.kind == operation::normalize_backward) {
    const layer_variables_place& norm = layout_.layers[static_cast<std::size_t>(place.norm)];
    const gradient_sums ready = sums_of(op.layer);
    return batch_norm_backward(
        pool_, reading_of(op.layer), mean_.data() + place.pending.affine, inv_std_.data() + place.pending.affine, own,
        norm.gamma >= 0 ? gradients + norm.gamma : nullptr, norm.beta >= 0 ? gradients + norm.beta : nullptr,
        !net_[place.norm].norm.train, memory_.data(), op.summed ? &ready : nullptr);
  }
  if (op.kind == operation::clamp_backward) return activation_backward(pool_, reading_of(op.layer), own);
  if (op.kind == operation::dropout_backward) return drop(op, true);

  const layer_place& input = place_of(op.input());
  const convolution window = detail::window_of(l, input.value, precision_);
  const const_tensor dy = reading(own);
  float* bias = vars.biases >= 0 ? gradients + vars.biases : nullptr;
  const gradient_sums sums = op.sums ? sums_of(op.input()) : gradient_sums{};
  const int predictions = place.gradient.buffer;  // what mining left out is zero
  const bool head = predictions == current_->what.logits_gradient || predictions == current_->what.encodings_gradient;
  const gradient_kind kind = head ? gradient_kind::sparse : gradient_kind::dense;
  switch (op.kind) {
    case operation::weights_backward:
      return conv_backward_weights(pool_, window, reading_of(op.input()), dy, gradients + vars.weights, bias,
                                   memory_.data(), false, kind);
    case operation::data_backward:
      return conv_backward_data(pool_, window, dy, values + vars.weights, at(input.gradient), op.accumulates(),
                                memory_.data(), op.sums ? &sums : nullptr, kind);
    case operation::depthwise_backward:
      return depthwise_backward(pool_, window, reading_of(op.input()), dy, values + vars.weights,
                                input.gradient.buffer >= 0 ? at(input.gradient) : tensor{}, op.accumulates(),
                                gradients + vars.weights, bias, op.sums ? &sums : nullptr, memory_.data());
    case operation::max_pool_backward:
      return max_pool_backward(pool_, window, reading_of(op.input()), dy, at(input.gradient), op.accumulates());
    case operation::average_pool_backward:
      return avg_pool_backward(pool_, window, dy, at(input.gradient), op.accumulates());
    default:
      return;
  }
}

ODT_INLINE gradient_sums runner::sums_of(int layer) {
  const int first = place_of(layer).pending.affine;
  return {reading_of(layer), mean_.data() + first, sum_.data() + first, product_.data() + first};
}

/// Statistics (left in mean_ and inv_std_ by the convolution) or moving averages to scale and shift.
ODT_INLINE void runner::normalize(int number, float* values) {
  const layer& l = net_[number];
  const int producer = place_of(number).producer;
  const layer_place& place = place_of(producer);
  const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(number)];
  const auto first = static_cast<std::size_t>(std::max(place.pending.affine, place.finish.affine));
  const bool batch_statistics = current_->what.mode == run_mode::train && l.norm.train;
  const double count = static_cast<double>(current_->what.batch) * place.value.height * place.value.width;
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
ODT_INLINE void runner::drop(const plan_operation& op, bool backward) {
  const layer_place& place = place_of(op.layer);
  const tensor out = at(backward ? place_of(op.input()).gradient : place.value);
  if (!backward) apply_pending(pool_, reading_of(op.input()), out);
  if (current_->what.mode != run_mode::train) return;
  dropout(pool_, backward ? at(place.gradient) : out, out, op.accumulates(),
          {key_.seed, key_.step, static_cast<std::uint64_t>(op.layer), net_[op.layer].keep_probability});
}

ODT_INLINE std::vector<float> runner::output(int number) {
  const const_tensor x = reading_of(number);
  std::vector<float> values(static_cast<std::size_t>(x.extents().elements()));
  apply_pending(pool_, x, dense(values.data(), x.extents()));
  return values;
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
