// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/depthwise/separable.hpp>
#include <odt/exec/cpu/kernels.hpp>
#include <odt/exec/cpu/machine/vector_tools.hpp>
#include <odt/exec/cpu/runner.hpp>
#include <odt/nn/cost.hpp>
#include <odt/nn/lower.hpp>
#include <odt/nn/progress.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail {

/// What the CPU's kernels do by themselves: all of them read pendings and write strided tensors.
inline constexpr back_end cpu_back_end{
    .can_output =
        [](layer_kind kind) {
          return kind != layer_kind::input && kind != layer_kind::concat && kind != layer_kind::batch_norm &&
                 kind != layer_kind::regions;
        },
    .fuses =
        [](const layer& l, std::int64_t pixels) {
          return l.multiplier == 1 &&
                 suits_separable({l.kernel_height, l.kernel_width, l.stride, l.stride, l.rate}, pixels);
        }};

ODT_INLINE shape extents(const tensor_view& v) { return {v.images, v.height, v.width, v.channels}; }

/// The window of a layer over an input of the given size.
ODT_INLINE window window_of(const layer& l, const tensor_view& in, precision compute = precision::fp32) {
  return {l.kernel_height,
          l.kernel_width,
          l.stride,
          l.stride,
          l.rate,
          place_window(in.height, l.kernel_height, l.stride, l.rate, l.border).before,
          place_window(in.width, l.kernel_width, l.stride, l.rate, l.border).before,
          compute};
}

ODT_INLINE position_sensitive_bins bins_of(const layer& l) {
  return {l.bins.height, l.bins.width, l.crop.height, l.crop.width};
}

}  // namespace detail

ODT_INLINE plan lower_for_cpu(const network& net, int batch, size2 image, run_mode mode) {
  return lower(net, batch, image, mode, detail::cpu_back_end);
}

struct runner::placed_plan {
  plan what;
  arena_layout where;
  std::vector<std::int64_t> finished{};  ///< by operation: see finished_gradients
  std::vector<store_range> unwritten{};  ///< see unwritten_gradients
};

ODT_INLINE runner::runner(const network& net, const variable_layout& layout, thread_pool& pool, precision compute)
    : net_(net), layout_(layout), pool_(pool), precision_(compute) {}

ODT_INLINE runner::~runner() = default;

ODT_INLINE const plan& runner::current() const { return current_->what; }

ODT_INLINE void runner::use_plan(int batch, size2 image, run_mode mode) {
  current_ = plans_.find(
      [&](const placed_plan& p) { return p.what.batch == batch && p.what.image == image && p.what.mode == mode; });
  if (current_) return;
  current_ = &plans_.add(std::make_unique<placed_plan>(
      placed_plan{keep_all_ ? lower(net_, batch, image, mode) : lower_for_cpu(net_, batch, image, mode), {}}));
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
  if (mode == run_mode::train) {
    current_->finished = finished_gradients(net_, layout_, p);
    current_->unwritten = unwritten_gradients(net_, layout_, p);
  }
  for (const plan_operation& op : p.operations)
    if (op.adds)
      earlier_.resize(std::max(earlier_.size(), static_cast<std::size_t>(trainable_floats(net_, variables_of(p, op)))));
}

ODT_INLINE std::size_t runner::bytes_with(std::span<const step_shape> steps) const {
  std::int64_t floats = 0;
  std::size_t scratch = scratch_bytes_;
  std::vector<packed_weights::request> packed;
  for (const auto& each : plans_) floats = std::max(floats, each->where.floats);
  for (const step_shape& s : steps) {
    const plan p = lower_for_cpu(net_, s.batch, s.image, s.trains ? run_mode::train : run_mode::infer);
    floats = std::max(floats, pack(p).floats);
    scratch = std::max(scratch, scratch_of(p));
    if (s.trains) continue;
    const auto own = convolutions_of(p);
    packed.insert(packed.end(), own.begin(), own.end());
  }
  const std::size_t arena = static_cast<std::size_t>(floats) * sizeof(float) + scratch;
  return std::max(arena, memory_.size()) + packed_.bytes_with(packed);
}

ODT_INLINE void runner::keep_all(bool keep) {
  keep_all_ = keep;
  plans_.clear();
  current_ = nullptr;
}

ODT_INLINE packed_weights::request runner::convolution_of(const plan& p, int number) const {
  const layer& l = net_[number];
  const tensor_view& in = p.value(l.inputs[0]);
  return {l.variables.weights, detail::window_of(l, in, precision_), detail::extents(in),
          detail::extents(p.value(number))};
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
  for (const plan_operation& op : p.operations) {
    const layer& l = net_[op.layer];
    if (l.inputs.empty()) continue;
    const tensor_view& in = p.value(l.inputs[0]);
    const shape x = detail::extents(in), y = detail::extents(p.value(op.layer));
    if (op.kind == operation::separable_convolution)
      bytes = std::max(bytes, separable_scratch(pool_.size()));
    else if (l.kind == layer_kind::convolution)
      bytes = std::max(bytes, conv_scratch(detail::window_of(l, in), x, y, pool_.size()));
    if (l.kind == layer_kind::depthwise_convolution)
      bytes = std::max(bytes, depthwise_scratch(detail::window_of(l, in), x, y, pool_.size()));
    if (l.kind == layer_kind::group_norm) bytes = std::max(bytes, group_norm_scratch(y));
    bytes = std::max(bytes, batch_norm_scratch(y, pool_.size()));
  }
  return (bytes + 63) / 64 * 64;
}

ODT_INLINE tensor runner::at(const tensor_view& v) const {
  if (v.buffer < 0) return {};
  const std::int64_t offset = current_->where.offsets[static_cast<std::size_t>(v.buffer)] + v.offset;
  return {reinterpret_cast<float*>(memory_.data() + scratch_bytes_) + offset,
          v.images,
          v.height,
          v.width,
          v.channels,
          static_cast<std::ptrdiff_t>(v.pixel_stride),
          static_cast<std::ptrdiff_t>(v.image_stride)};
}

ODT_INLINE const_tensor runner::reading_of(const tensor_view& v) const {
  return reading(at(v), transform_of(v.pending));
}

ODT_INLINE pending runner::transform_of(const pending_place& place) const {
  pending transform{nullptr, nullptr, place.low, place.high};
  if (place.affine >= 0) transform.scale = scale_.data() + place.affine, transform.shift = shift_.data() + place.affine;
  return transform;
}

/// What an operation reads, by number of its operands.
ODT_INLINE const_tensor runner::input(const plan_operation& op, int number) const {
  return reading_of(current_->what[op.operands[static_cast<std::size_t>(number)]]);
}

/// What an operation writes; without data where it writes no tensor.
ODT_INLINE tensor runner::written(const plan_operation& op) const {
  return op.operands.back().how == access::read ? tensor{} : at(current_->what[op.operands.back()]);
}

ODT_INLINE float* runner::images() { return at(current_->what.value(0)).data; }
ODT_INLINE float* runner::output(int number) { return at(current_->what.output(number)).data; }
ODT_INLINE float* runner::output_gradient(int number) {
  const plan& p = current_->what;
  return at(p.views[static_cast<std::size_t>(p.outputs[static_cast<std::size_t>(number)].gradient)]).data;
}

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
    const auto work = [&] { run_forward(op, values); };
    observer ? observe(op, work) : work();
  }
}

ODT_INLINE void runner::backward(const float* values, float* gradients,
                                 const std::function<void(std::int64_t)>& finished) {
  const auto& operations = current_->what.operations;
  const auto loss = std::ranges::find(operations, operation::loss, &plan_operation::kind);
  std::int64_t told = 0;
  for (const store_range& r : current_->unwritten) std::fill_n(gradients + r.offset, r.size, 0.0f);
  for (auto op = loss + 1; op != operations.end(); ++op) {
    run(*op, const_cast<float*>(values), gradients);
    const std::int64_t now = current_->finished[static_cast<std::size_t>(op - operations.begin())];
    if (finished && now > told) finished(told = now);
  }
}

ODT_INLINE void runner::run(const plan_operation& op, float* values, float* gradients) {
  const auto work = [&] { run_backward(op, values, gradients); };
  observer ? observe(op, work) : work();
}

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

/// Where the boxes of crops lie; null for those of whole maps.
ODT_INLINE const boxf* runner::boxes_of(const plan_operation& op) const {
  const layer& l = net_[op.layer];
  if (l.inputs.size() == 1) return nullptr;
  return reinterpret_cast<const boxf*>(at(current_->what.value(l.inputs[1])).data);
}

ODT_INLINE void runner::crop(const plan_operation& op) {
  const layer& l = net_[op.layer];
  if (op.kind == operation::crop_and_resize) return crop_and_resize(pool_, input(op), boxes_of(op), written(op));
  position_sensitive_crop(pool_, detail::bins_of(l), input(op), boxes_of(op), written(op));
}

ODT_INLINE void runner::crop_backward(const plan_operation& op) {
  const layer& l = net_[op.layer];
  const const_tensor dy = input(op, static_cast<int>(l.inputs.size()) - 1);
  if (op.kind == operation::crop_and_resize_backward)
    return crop_and_resize_backward(pool_, boxes_of(op), dy, written(op), op.accumulates());
  position_sensitive_crop_backward(pool_, detail::bins_of(l), boxes_of(op), dy, written(op), op.accumulates());
}

ODT_INLINE dropout_choice runner::choice_of(int number) const {
  return {key_.seed, key_.step, static_cast<std::uint64_t>(number), net_[number].dropout};
}

ODT_INLINE std::vector<float> runner::values_of(int number) {
  const const_tensor x = reading_of(current_->what.value(number));
  std::vector<float> values(static_cast<std::size_t>(x.extents().elements()));
  apply(pool_, {}, x, dense(values.data(), x.extents()));
  return values;
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
