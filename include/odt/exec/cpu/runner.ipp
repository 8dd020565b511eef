// SPDX-License-Identifier: MIT
#pragma once

#include <odt/exec/cpu/depthwise/separable.hpp>
#include <odt/exec/cpu/kernels.hpp>
#include <odt/exec/cpu/runner_plan.hpp>
#include <odt/nn/lower.hpp>
#include <odt/nn/progress.hpp>

#include <algorithm>
#include <chrono>

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

}  // namespace detail

ODT_INLINE plan lower_for_cpu(const network& net, int batch, size2 image, run_mode mode) {
  return lower(net, batch, image, mode, detail::cpu_back_end);
}

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

/// Where the boxes of crops lie; null for those of whole maps.
ODT_INLINE const boxf* runner::boxes_of(const plan_operation& op) const {
  const layer& l = net_[op.layer];
  if (l.inputs.size() == 1) return nullptr;
  return reinterpret_cast<const boxf*>(at(current_->what.value(l.inputs[1])).data);
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
