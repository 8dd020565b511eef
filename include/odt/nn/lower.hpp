// SPDX-License-Identifier: MIT
// Lowers a network, for a fixed batch and image size, to a flat list of fused operations over buffers with known
// lifetimes.
//
// Layers that compute write raw values; what follows them is applied by whoever reads them, or, where the statistics
// are known beforehand, by the operation itself (placement.hpp). Backward mirrors forward: a gradient is the sum of
// what the readers send, becomes the gradient of the raw values in place, and is then used by the producer. The sums
// that a batch norm's gradient begins with are added up by the last reader that sends.
#pragma once

#include <odt/core/error.hpp>
#include <odt/nn/back_end.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/placement.hpp>
#include <odt/nn/plan.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace odt {

namespace detail {

/// The lowering of one network; see the head of this file.
class lowering {
 public:
  constexpr lowering(const network& net, int batch, size2 size, run_mode mode, const back_end& device)
      : net_(net),
        device_(device),
        plan_{.batch = batch, .image = size, .mode = mode},
        places_(net, device, plan_),
        readable_(static_cast<std::size_t>(net.size()), -1) {}

  constexpr plan run() {
    places_.run();
    for (int i = 0; i < net_.size(); ++i)
      if (at(i).live) forward(i);
    if (train()) {
      emit_loss();
      backward();
    }
    find_lifetimes();
    return std::move(plan_);
  }

 private:
  constexpr const layer_views& at(int l) const { return plan_.of(l); }
  constexpr bool train() const { return plan_.mode == run_mode::train; }
  constexpr const tensor_view& of(int number) const { return plan_.views[static_cast<std::size_t>(number)]; }

  constexpr void emit(operation kind, int l, std::vector<operand> operands = {}) {
    plan_.operations.push_back({kind, l, std::move(operands)});
  }

  /// The view in which an operation reads a layer: its own, or a copy of what it stands for.
  constexpr operand reading(operation kind, int l) {
    if (device_.reads(kind, plan_.value(l).pending)) return {at(l).value};
    int& copy = readable_[static_cast<std::size_t>(l)];
    if (copy < 0) {
      tensor_view v = plan_.value(l);
      plan_.buffers.push_back({.floats = v.elements()});
      v.buffer = static_cast<int>(plan_.buffers.size()) - 1;
      v.offset = 0, v.pixel_stride = v.channels, v.pending = {};
      v.image_stride = v.pixel_stride * v.height * v.width;
      plan_.views.push_back(v);
      copy = static_cast<int>(plan_.views.size()) - 1;
      emit(operation::copy, l, {{at(l).value}, {copy, access::write}});
    }
    return {copy};
  }

  // Forward.

  /// An operation from a layer's inputs to its output.
  constexpr void compute(operation kind, int l) {
    std::vector<operand> operands;
    for (const int x : net_[l].inputs) operands.push_back(reading(kind, x));
    operands.push_back({at(l).value, access::write});
    emit(kind, l, std::move(operands));
  }

  constexpr void forward(int i) {
    switch (net_[i].kind) {
      case layer_kind::input:
      case layer_kind::slice:
        break;
      case layer_kind::pad:
        compute(operation::pad, i);
        break;
      case layer_kind::convolution:
      case layer_kind::depthwise_convolution:
        convolve(i);
        break;
      case layer_kind::batch_norm:
        normalize(i);
        break;
      case layer_kind::group_norm:
        compute(operation::group_norm, i);
        break;
      case layer_kind::clamp:
      case layer_kind::activation:
        if (at(i).producer == i) compute(operation::apply, i);
        break;
      case layer_kind::max_pool:
        compute(operation::max_pool, i);
        break;
      case layer_kind::average_pool:
        compute(operation::average_pool, i);
        break;
      case layer_kind::global_pool:
        compute(operation::global_pool, i);
        break;
      case layer_kind::concat:
        for (const copied_layer& c : places_.copied_branches(i))
          emit(operation::copy, i, {{at(c.layer).value}, {c.value, access::write}});
        break;
      case layer_kind::add:
        compute(operation::add, i);
        break;
      case layer_kind::multiply:
        compute(operation::multiply, i);
        break;
      case layer_kind::upsample:
        compute(operation::upsample, i);
        break;
      case layer_kind::dropout:
        if (at(i).producer == i) compute(operation::dropout, i);
        break;
      case layer_kind::regions:
        choose_regions(i);
        break;
      case layer_kind::crop_and_resize:
        compute(operation::crop_and_resize, i);
        break;
      case layer_kind::position_sensitive_crop:
        compute(operation::position_sensitive_crop, i);
        break;
    }
    for (const copied_layer& c : places_.copied_outputs())
      if (c.layer == i) emit(operation::copy, i, {{at(i).value}, {c.value, access::write}});
  }

  /// The detector may look at all outputs that are there.
  constexpr void choose_regions(int l) {
    std::vector<operand> operands;
    for (std::size_t o = 0; o < plan_.outputs.size(); ++o)
      if (plan_.outputs[o].value >= 0 && std::ranges::max(net_.outputs[o].layers) < l)
        operands.push_back({plan_.outputs[o].value});
    operands.push_back({at(l).value, access::write});
    emit(operation::regions, l, std::move(operands));
  }

  constexpr void convolve(int l) {
    const bool dense = net_[l].kind == layer_kind::convolution;
    if (at(l).norm >= 0 && device_.finishes(net_[l].kind) && !train()) emit(operation::normalize, at(l).norm);
    if (places_.partner(l) < 0)
      compute(dense ? operation::convolution : operation::depthwise_convolution, l);
    else if (dense)
      emit(operation::separable_convolution, l,
           {{at(net_[places_.partner(l)].inputs[0]).value}, {at(l).value, access::write}});
  }

  /// Convolutions leave the moments of what they write.
  constexpr void normalize(int l) {
    const int producer = at(l).producer;
    const layer_kind kind = net_[producer].kind;
    const bool convolves = kind == layer_kind::convolution || kind == layer_kind::depthwise_convolution;
    if (producer == l) emit(operation::copy, l, {{at(net_[l].inputs[0]).value}, {at(l).value, access::write}});
    if (!train() && device_.finishes(kind)) return;
    if (train() && net_[l].norm.train && !convolves) emit(operation::statistics, l, {{at(l).value}});
    emit(operation::normalize, l);
  }

  constexpr void emit_loss() {
    std::vector<operand> operands;
    for (const plan_output& o : plan_.outputs)
      if (o.value >= 0) operands.push_back({o.value});
    for (const plan_output& o : plan_.outputs)
      if (o.value >= 0) operands.push_back({o.gradient, access::write});
    emit(operation::loss, 0, std::move(operands));
  }

  // Backward.

  constexpr void backward() {
    written_.assign(plan_.buffers.size(), 0);
    for (const plan_output& o : plan_.outputs)
      if (o.gradient >= 0) written(o.gradient) = 1;
    for (const copied_layer& c : places_.copied_outputs())
      if (c.gradient >= 0) send(operation::copy_backward, c.layer, {{c.gradient}}, c.layer);
    for (int i = net_.size() - 1; i > 0; --i)
      if (at(i).producer == i && at(i).gradient >= 0 && written(at(i).gradient)) differentiate(i);
  }

  constexpr char& written(int view) { return written_[static_cast<std::size_t>(of(view).buffer)]; }

  /// The operations that bring the gradient of a layer's output to its variables and inputs.
  constexpr void differentiate(int i) {
    const operand dy{at(i).gradient};
    if (at(i).norm >= 0) {
      emit(operation::normalize_backward, i, {{at(i).value}, dy, {at(i).gradient, access::write}});
      share_variables(at(i).norm);
      share_sums(i);
    } else if (at(i).clamp >= 0) {
      emit(operation::clamp_backward, i, {{at(i).value}, dy, {at(i).gradient, access::write}});
    }
    const auto x = [&](operation kind, int input = 0) { return reading(kind, net_[i].inputs[input]); };
    switch (net_[i].kind) {
      case layer_kind::convolution:
        if (learns(net_, i) || plan_.in_output(of(dy.view))) {
          emit(operation::weights_backward, i, {x(operation::convolution), dy});
          share_variables(i);
        }
        return send(operation::data_backward, i, {dy});
      case layer_kind::depthwise_convolution:
        send(operation::depthwise_backward, i, {x(operation::depthwise_convolution), dy});
        return share_variables(i);
      case layer_kind::group_norm:
        send(operation::group_norm_backward, i, {x(operation::group_norm), dy});
        return share_variables(i);
      case layer_kind::clamp:
      case layer_kind::activation:
        return send(operation::apply_backward, i, {x(operation::apply), dy});
      case layer_kind::max_pool:
        return send(operation::max_pool_backward, i, {x(operation::max_pool), dy});
      case layer_kind::average_pool:
        return send(operation::average_pool_backward, i, {dy});
      case layer_kind::global_pool:
        return send(operation::global_pool_backward, i, {dy});
      case layer_kind::multiply:
        send(operation::multiply_backward, i, {x(operation::multiply, 1), dy}, net_[i].inputs[0]);
        return send(operation::multiply_backward, i, {x(operation::multiply, 0), dy}, net_[i].inputs[1]);
      case layer_kind::upsample:
        return send(operation::upsample_backward, i, {dy});
      case layer_kind::dropout:
        return send(operation::dropout_backward, i, {dy});
      case layer_kind::crop_and_resize:
        if (net_[i].inputs.size() == 1) return send(operation::crop_and_resize_backward, i, {dy});
        return send(operation::crop_and_resize_backward, i, {{at(net_[i].inputs[1]).value}, dy});
      case layer_kind::position_sensitive_crop:
        return send(operation::position_sensitive_crop_backward, i, {{at(net_[i].inputs[1]).value}, dy});
      case layer_kind::add:
      case layer_kind::batch_norm:
        for (const int input : net_[i].inputs) send(operation::copy_backward, i, {dy}, input);
        return;
      case layer_kind::concat:
        for (const copied_layer& c : places_.copied_branches(i))
          if (c.gradient >= 0) send(operation::copy_backward, i, {{c.gradient}}, c.layer);
        return;
      case layer_kind::input:
      case layer_kind::slice:
      case layer_kind::pad:
      case layer_kind::regions:
        fail("layer ", net_[i].name, ": has no gradient, but variables below it are trained; pad the images instead");
    }
  }

  constexpr void send(operation kind, int l, std::vector<operand> operands) {
    send(kind, l, std::move(operands), net_[l].inputs[0]);
  }

  /// Emits an operation that reads these, and writes, or adds to, the gradient of an input.
  constexpr void send(operation kind, int l, std::vector<operand> operands, int input) {
    const int to = at(input).gradient;
    if (to < 0) {
      const bool learns = kind == operation::depthwise_backward || kind == operation::group_norm_backward;
      if (learns) emit(kind, l, std::move(operands));
      return;
    }
    char& done = written(to);
    const bool whole = of(to).whole();
    if (!done && !whole) emit(operation::zero, input, {{places_.whole(of(to).buffer), access::write}});
    operands.push_back({to, done || !whole ? access::add : access::write});
    emit(kind, l, std::move(operands));
    done = 1;
  }

  /// Lets the operation emitted last, of a layer that shares its variables with one that has sent its gradients, add.
  constexpr void share_variables(int l) {
    int begun = 0, own = 0;
    begun_.resize(net_.variables.size(), 0);
    for (const int number : net_[l].variables.all()) {
      if (number < 0 || !net_.variables[static_cast<std::size_t>(number)].trainable) continue;
      begun += begun_[static_cast<std::size_t>(number)], ++own;
      begun_[static_cast<std::size_t>(number)] = 1;
    }
    if (begun != 0 && begun != own)
      fail("layer ", net_[l].name, ": shares some of its trainable variables, which have to be shared all or none");
    if (begun != 0) plan_.operations.back().adds = true;
  }

  /// Lets the operation that completed the gradient of producer `i` add up the sums for its batch norm, which was
  /// emitted last.
  constexpr void share_sums(int i) {
    const tensor_view& own = of(at(i).gradient);
    for (auto op = plan_.operations.rbegin() + 1; op != plan_.operations.rend(); ++op) {
      if (op->kind == operation::loss) return;
      if (op->operands.empty() || op->operands.back().how == access::read) continue;
      const tensor_view& to = plan_[op->operands.back()];
      if (to.buffer != own.buffer || to.offset + to.channels <= own.offset || own.offset + own.channels <= to.offset)
        continue;
      const bool convolves = op->kind == operation::data_backward || op->kind == operation::depthwise_backward;
      const bool covers = to.offset <= own.offset && own.offset + own.channels <= to.offset + to.channels;
      if (!convolves || !covers || plan_.in_output(plan_.gradient(op->layer))) return;
      const bool first = !op->sums;
      op->sums = plan_.operations.back().summed = true;
      if (first && op->kind == operation::data_backward)
        op->operands.insert(op->operands.end() - 1, {at(net_[op->layer].inputs[0]).value});
      return;
    }
  }

  // Lifetimes.

  constexpr void find_lifetimes() {
    const int end = static_cast<int>(plan_.operations.size());
    for (int i = 0; i < end; ++i)
      for (const operand& o : plan_.operations[static_cast<std::size_t>(i)].operands) touch(i, plan_[o].buffer);
    for (plan_buffer& b : plan_.buffers)
      if (b.first < 0) b.first = 0, b.last = 0;
    // The host fills the images before the first operation, and reads the outputs after the last.
    buffer_of(at(0).value).first = 0;
    if (!train())
      for (const plan_output& o : plan_.outputs)
        if (o.value >= 0) buffer_of(o.value).last = end;
    if (plan_.outputs.empty()) buffer_of(at(net_.size() - 1).value).last = end;
  }

  constexpr plan_buffer& buffer_of(int view) { return plan_.buffers[static_cast<std::size_t>(of(view).buffer)]; }

  constexpr void touch(int op, int buffer) {
    if (buffer < 0) return;
    plan_buffer& b = plan_.buffers[static_cast<std::size_t>(buffer)];
    if (b.first < 0) b.first = op;
    b.last = op;
  }

  const network& net_;
  const back_end& device_;
  plan plan_;
  placement places_;
  std::vector<int> readable_;  ///< by layer: a copy for operations that do not read its pending
  std::vector<char> written_;  ///< by buffer: whether a gradient has begun there
  std::vector<char> begun_;    ///< by variable: whether its gradient has
};

}  // namespace detail

/// Lowers a network for a back end. Combinations that the operations do not cover are errors that name the layer.
constexpr plan lower(const network& net, int batch, size2 size, run_mode mode, const back_end& device = {}) {
  return detail::lowering(net, batch, size, mode, device).run();
}

}  // namespace odt
