// SPDX-License-Identifier: MIT
// Lowers a network, for a fixed batch and image size, to a flat list of fused operations over buffers with known
// lifetimes.
//
// Every convolution writes its raw output. What follows it in the network (batch norm, activation) is not an operation
// over memory: it is a pending scale, shift and clamp, applied by whoever reads the buffer; or, where the statistics
// are known beforehand, by the convolution itself. Branches of a concat write their slices of its buffer, and heads
// their slices of the anchors' tensors. Backward mirrors forward: a buffer's gradient is the sum of what its readers
// send, becomes the gradient of the raw output in place, and is then used by the producer. The sums that a batch norm's
// gradient begins with are added up by the last reader that sends.
#pragma once

#include <odt/core/error.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/plan.hpp>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace odt {

/// Whether, in evaluation, a depthwise layer is fused with the pointwise one that alone reads its `pixels` outputs.
using fusion_rule = bool (*)(const layer& depthwise, std::int64_t pixels);

namespace detail {

/// The lowering of one network; see the head of this file.
class lowering {
 public:
  constexpr lowering(const network& net, int batch, size2 size, run_mode mode, fusion_rule fuses)
      : net_(net), all_(shapes(net, size)), fuses_(fuses) {
    plan_.batch = batch, plan_.image = size, plan_.mode = mode;
    plan_.places.resize(static_cast<std::size_t>(net.size()));
    parent_.assign(static_cast<std::size_t>(net.size()), -1);
    slice_.assign(static_cast<std::size_t>(net.size()), 0);
    partner_.assign(static_cast<std::size_t>(net.size()), -1);
  }

  constexpr plan run() {
    find_producers();
    place_branches();
    place_heads();
    if (!train() && fuses_) fuse_separable();
    place_others();
    place_readers();
    forward();
    if (plan_.mode == run_mode::train) backward();
    find_lifetimes();
    return std::move(plan_);
  }

 private:
  constexpr layer_place& at(int l) { return plan_.places[static_cast<std::size_t>(l)]; }
  constexpr int& partner(int l) { return partner_[static_cast<std::size_t>(l)]; }
  constexpr const shape3& shape(int l) const { return all_[static_cast<std::size_t>(l)]; }
  constexpr bool train() const { return plan_.mode == run_mode::train; }

  /// Whether the layer has a variable that is trained.
  constexpr bool learns(int l) const {
    for (const int number : net_[l].variables.all())
      if (number >= 0 && net_.variables[static_cast<std::size_t>(number)].trainable) return true;
    return false;
  }

  constexpr int add_buffer(std::int64_t floats) {
    plan_.buffers.push_back({.floats = floats});
    return static_cast<int>(plan_.buffers.size()) - 1;
  }

  constexpr void find_producers() {
    for (int i = 0; i < net_.size(); ++i) {
      const layer& l = net_[i];
      layer_place& place = at(i);
      place.differentiable = learns(i);
      for (const int input : l.inputs) place.differentiable = place.differentiable || at(input).differentiable;
      place.producer = i;
      if (l.kind != layer_kind::batch_norm && l.kind != layer_kind::clamp) continue;
      place.producer = at(l.inputs[0]).producer;
      layer_place& producer = at(place.producer);
      producer.differentiable = place.differentiable;
      int& slot = l.kind == layer_kind::batch_norm ? producer.norm : producer.clamp;
      const layer_kind before = net_[place.producer].kind;
      const bool convolves = before == layer_kind::convolution || before == layer_kind::depthwise_convolution;
      if (slot >= 0 || (l.kind == layer_kind::batch_norm && producer.clamp >= 0) || !convolves)
        fail("layer ", l.name, ": only convolution, batch norm, activation in this order are supported");
      slot = i;
    }
  }

  /// Branches of a concat become slices of it; their pendings join.
  constexpr void place_branches() {
    for (int i = 0; i < net_.size(); ++i) {
      if (net_[i].kind != layer_kind::concat) continue;
      int channel = 0;
      for (const int input : net_[i].inputs) {
        const int p = at(input).producer;
        if (parent_[static_cast<std::size_t>(p)] >= 0)
          fail("layer ", net_[i].name, ": a branch lies in two concats, which is not supported");
        parent_[static_cast<std::size_t>(p)] = i;
        slice_[static_cast<std::size_t>(p)] = channel;
        channel += net_.channels(input);
        const int clamp = at(p).clamp;
        layer_place& joint = at(i);
        if (clamp >= 0) joint.pending.low = net_[clamp].low, joint.pending.high = net_[clamp].high;
        if (at(p).norm >= 0) joint.pending.affine = 0;
      }
      check_clamps(i);
    }
  }

  /// Between what the layer's values lie, as far as an activation or a pool of activated values tells.
  constexpr pending_place range_of(int l) const {
    const layer& own = net_[l];
    const bool pool = own.kind == layer_kind::max_pool || own.kind == layer_kind::average_pool;
    if (own.kind == layer_kind::clamp) return {.low = own.low, .high = own.high};
    if (pool) return range_of(own.inputs[0]);
    if (own.kind == layer_kind::concat) return plan_.places[static_cast<std::size_t>(l)].pending;
    return {};
  }

  /// The joint activation is applied to all branches: one without it must already lie within.
  constexpr void check_clamps(int concat) {
    const pending_place& joint = at(concat).pending;
    for (const int input : net_[concat].inputs) {
      const layer_place& p = at(at(input).producer);
      const pending_place range = range_of(input);
      const bool same = p.clamp < 0 || (net_[p.clamp].low == joint.low && net_[p.clamp].high == joint.high);
      if (!same || range.low < joint.low || range.high > joint.high)
        fail("layer ", net_[concat].name, ": its branches have different activations (", net_[input].name,
             "), which is not supported");
    }
  }

  /// Heads write their rows of the anchors' tensors.
  constexpr void place_heads() {
    if (net_.heads.empty()) return;
    plan_.code_size = net_.channels(net_.heads[0].encodings) / net_.heads[0].boxes_per_cell;
    plan_.class_slots = net_.channels(net_.heads[0].logits) / net_.heads[0].boxes_per_cell;
    for (const prediction_head& head : net_.heads) {
      check_columns(head.encodings, head.boxes_per_cell * plan_.code_size);
      check_columns(head.logits, head.boxes_per_cell * plan_.class_slots);
      plan_.anchors += shape(head.encodings).height * shape(head.encodings).width * head.boxes_per_cell;
    }
    const std::int64_t rows = std::int64_t{plan_.batch} * plan_.anchors;
    plan_.encodings = add_buffer(rows * plan_.code_size);
    plan_.logits = add_buffer(rows * plan_.class_slots);
    if (train()) {
      plan_.encodings_gradient = add_buffer(rows * plan_.code_size);
      plan_.logits_gradient = add_buffer(rows * plan_.class_slots);
    }
    std::int64_t row = 0;
    for (const prediction_head& head : net_.heads) {
      place_head(head.encodings, plan_.encodings, plan_.encodings_gradient, row, plan_.code_size);
      place_head(head.logits, plan_.logits, plan_.logits_gradient, row, plan_.class_slots);
      row += shape(head.encodings).height * shape(head.encodings).width * head.boxes_per_cell;
    }
  }

  /// All heads write rows of one tensor.
  constexpr void check_columns(int l, int channels) const {
    if (net_.channels(l) != channels)
      fail("layer ", net_[l].name, ": predicts ", net_.channels(l),
           " numbers a cell, where those of the first feature map ", "would be ", channels);
  }

  constexpr void place_head(int l, int buffer, int gradient, std::int64_t row, int columns) {
    const shape3& s = shape(l);
    at(l).value = {
        buffer, row * columns, s.height, s.width, s.channels, s.channels, std::int64_t{plan_.anchors} * columns};
    at(l).gradient = at(l).value;
    at(l).gradient.buffer = gradient;
  }

  /// Makes partners of depthwise layers and the pointwise layers that alone read them.
  constexpr void fuse_separable() {
    std::vector<int> readers(static_cast<std::size_t>(net_.size()), 0);
    for (int i = 0; i < net_.size(); ++i)
      if (at(i).producer == i)
        for (const int input : net_[i].inputs) ++readers[static_cast<std::size_t>(at(input).producer)];
    for (int i = 0; i < net_.size(); ++i) {
      const layer& l = net_[i];
      if (l.kind != layer_kind::convolution || l.kernel_height * l.kernel_width != 1 || l.stride != 1) continue;
      const int d = at(l.inputs[0]).producer;
      const bool alone = readers[static_cast<std::size_t>(d)] == 1 && at(d).value.buffer < 0;
      if (net_[d].kind != layer_kind::depthwise_convolution || !alone) continue;
      const shape3& s = shape(d);
      if (fuses_(net_[d], std::int64_t{plan_.batch} * s.height * s.width)) partner(i) = d, partner(d) = i;
    }
  }

  /// All other producers have buffers of their own or slices of their concat's.
  constexpr void place_others() {
    for (int i = net_.size() - 1; i >= 0; --i) {
      layer_place& place = at(i);
      if (place.producer != i || place.value.buffer >= 0) continue;
      const shape3& s = shape(i);
      const int parent = parent_[static_cast<std::size_t>(i)];
      if (parent >= 0) {
        const int channel = slice_[static_cast<std::size_t>(i)];
        place.value = at(parent).value, place.gradient = at(parent).gradient;
        place.value.channels = place.gradient.channels = s.channels;
        place.value.offset += channel, place.gradient.offset += channel;
        if (at(parent).pending.affine >= 0) place.pending.affine = at(parent).pending.affine + channel;
      } else {
        const bool nowhere = net_[i].kind == layer_kind::depthwise_convolution && partner(i) >= 0;
        const int buffer = nowhere ? -1 : add_buffer(plan_.batch * s.size());
        place.value = {buffer, 0, s.height, s.width, s.channels, s.channels, s.size()};
        place.gradient = place.value;
        place.gradient.buffer = train() && place.differentiable ? add_buffer(plan_.batch * s.size()) : -1;
        if (place.norm >= 0 || place.pending.affine >= 0) {
          place.pending.affine = plan_.affines;
          plan_.affines += s.channels;
        }
      }
      if (place.clamp >= 0) place.pending.low = net_[place.clamp].low, place.pending.high = net_[place.clamp].high;
    }
  }

  /// Batch norm and activation layers are views of their producer's buffer; only the last of a chain may be read.
  constexpr void place_readers() {
    for (int i = 0; i < net_.size(); ++i) {
      const layer& l = net_[i];
      for (const int input : l.inputs) {
        if (l.kind == layer_kind::batch_norm || l.kind == layer_kind::clamp) continue;
        const layer_place& producer = at(at(input).producer);
        const int end = producer.clamp >= 0 ? producer.clamp : producer.norm >= 0 ? producer.norm : at(input).producer;
        if (input != end) fail("layer ", l.name, ": reads ", net_[input].name, " before its activation; not supported");
      }
      if (at(i).producer == i) continue;
      const layer_place& producer = at(at(i).producer);
      at(i).value = producer.value, at(i).gradient = producer.gradient, at(i).pending = producer.pending;
    }
    if (!train())
      for (layer_place& place : plan_.places) place.finish = std::exchange(place.pending, {});
  }

  static constexpr operand value(int l, access how = access::read) { return {l, false, how}; }
  static constexpr operand gradient(int l, access how = access::read) { return {l, true, how}; }

  constexpr void emit(operation kind, int l, std::vector<operand> operands) {
    plan_.operations.push_back({kind, l, std::move(operands)});
  }

  /// An operation from the layer's input to its output.
  constexpr void emit_forward(operation kind, int l) {
    emit(kind, l, {value(net_[l].inputs[0]), value(l, access::write)});
  }

  constexpr void emit_convolution(int l) {
    const bool dense = net_[l].kind == layer_kind::convolution;
    if (partner(l) < 0) return emit_forward(dense ? operation::convolution : operation::depthwise_convolution, l);
    if (dense) emit(operation::separable_convolution, l, {value(net_[partner(l)].inputs[0]), value(l, access::write)});
  }

  constexpr void emit_loss() {
    std::vector<operand> operands;
    for (const prediction_head& head : net_.heads)
      for (const int l : {head.encodings, head.logits}) operands.push_back(value(l));
    for (const prediction_head& head : net_.heads)
      for (const int l : {head.encodings, head.logits}) operands.push_back(gradient(l, access::write));
    emit(operation::loss, 0, std::move(operands));
  }

  constexpr void forward() {
    for (int i = 0; i < net_.size(); ++i) switch (net_[i].kind) {
        case layer_kind::pad:
          emit_forward(operation::pad, i);
          break;
        case layer_kind::convolution:
        case layer_kind::depthwise_convolution:
          if (!train() && at(i).norm >= 0) emit(operation::normalize, at(i).norm, {});
          emit_convolution(i);
          break;
        case layer_kind::batch_norm:
          if (train()) emit(operation::normalize, i, {});
          break;
        case layer_kind::max_pool:
          emit_forward(operation::max_pool, i);
          break;
        case layer_kind::average_pool:
          emit_forward(operation::average_pool, i);
          break;
        case layer_kind::dropout:
          emit_forward(operation::dropout, i);
          break;
        case layer_kind::input:
        case layer_kind::clamp:
        case layer_kind::concat:
          break;
      }
    if (train()) emit_loss();
  }

  constexpr void backward() {
    std::vector<char> written(plan_.buffers.size(), 0);
    for (const prediction_head& head : net_.heads) {
      written[static_cast<std::size_t>(at(head.encodings).gradient.buffer)] = 1;
      written[static_cast<std::size_t>(at(head.logits).gradient.buffer)] = 1;
    }
    for (int i = net_.size() - 1; i > 0; --i) {
      const layer_place& place = at(i);
      if (place.producer != i || !place.differentiable || net_[i].kind == layer_kind::concat) continue;
      if (!written[static_cast<std::size_t>(place.gradient.buffer)]) continue;
      if (place.norm >= 0) {
        emit(operation::normalize_backward, i, {value(i), gradient(i), gradient(i, access::write)});
        share_sums(i);
      } else if (place.clamp >= 0) {
        emit(operation::clamp_backward, i, {value(i), gradient(i), gradient(i, access::write)});
      }
      switch (net_[i].kind) {
        case layer_kind::convolution:
          if (learns(i) || is_head(i)) emit(operation::weights_backward, i, {value(net_[i].inputs[0]), gradient(i)});
          send(operation::data_backward, i, {gradient(i)}, written);
          break;
        case layer_kind::depthwise_convolution:
          send(operation::depthwise_backward, i, {value(net_[i].inputs[0]), gradient(i)}, written);
          break;
        case layer_kind::max_pool:
          send(operation::max_pool_backward, i, {value(net_[i].inputs[0]), gradient(i)}, written);
          break;
        case layer_kind::average_pool:
          send(operation::average_pool_backward, i, {gradient(i)}, written);
          break;
        case layer_kind::dropout:
          send(operation::dropout_backward, i, {gradient(i)}, written);
          break;
        default:
          fail("layer ", net_[i].name, ": has no gradient");
      }
    }
  }

  /// Emits an operation that reads these, and writes, or adds to, the gradient of the layer's input.
  constexpr void send(operation kind, int l, std::vector<operand> operands, std::vector<char>& written) {
    const int input = net_[l].inputs[0];
    const layer_place& source = at(input);
    if (!source.differentiable) {
      if (kind == operation::depthwise_backward) emit(kind, l, std::move(operands));
      return;
    }
    const tensor_place& g = source.gradient;
    char& done = written[static_cast<std::size_t>(g.buffer)];
    const bool whole = g.pixel_stride == g.channels;
    if (!done && !whole) emit(operation::zero, input, {gradient(input, access::write)});
    operands.push_back(gradient(input, done || !whole ? access::add : access::write));
    emit(kind, l, std::move(operands));
    done = 1;
  }

  constexpr bool is_head(int l) const {
    for (const prediction_head& head : net_.heads)
      if (head.encodings == l || head.logits == l) return true;
    return false;
  }

  /// Lets the operation that completed the gradient of producer `i` add up the sums for its batch norm, which was
  /// emitted last.
  constexpr void share_sums(int i) {
    const tensor_place& own = at(i).gradient;
    for (auto op = plan_.operations.rbegin() + 1; op != plan_.operations.rend(); ++op) {
      if (op->kind == operation::loss) return;
      const operand& last = op->operands.back();
      if (last.how == access::read || (last.layer == op->layer && op->kind != operation::zero)) continue;
      const bool convolves = op->kind == operation::data_backward || op->kind == operation::depthwise_backward;
      const tensor_place& to = place_of(plan_, last);
      if (to.buffer != own.buffer || to.offset + to.channels <= own.offset || own.offset + own.channels <= to.offset)
        continue;
      const bool whole = to.offset <= own.offset && own.offset + own.channels <= to.offset + to.channels;
      if (!convolves || !whole || is_head(op->layer)) return;
      op->sums = plan_.operations.back().summed = true;
      if (op->kind == operation::data_backward) op->operands.insert(op->operands.end() - 1, value(last.layer));
      return;
    }
  }

  constexpr void find_lifetimes() {
    const int end = static_cast<int>(plan_.operations.size());
    for (int i = 0; i < end; ++i)
      for (const operand& o : plan_.operations[static_cast<std::size_t>(i)].operands) touch(i, place_of(plan_, o));
    for (plan_buffer& b : plan_.buffers)
      if (b.first < 0) b.first = 0, b.last = 0;
    // The host fills the images before the first operation, and reads the predictions after the last.
    plan_.buffers[static_cast<std::size_t>(at(0).value.buffer)].first = 0;
    if (!net_.heads.empty() && !train())
      for (const int b : {plan_.logits, plan_.encodings}) plan_.buffers[static_cast<std::size_t>(b)].last = end;
    if (net_.heads.empty()) plan_.buffers[static_cast<std::size_t>(at(net_.size() - 1).value.buffer)].last = end;
  }

  constexpr void touch(int op, const tensor_place& place) {
    if (place.buffer < 0) return;
    plan_buffer& b = plan_.buffers[static_cast<std::size_t>(place.buffer)];
    if (b.first < 0) b.first = op;
    b.last = op;
  }

  const network& net_;
  std::vector<shape3> all_;
  plan plan_;
  std::vector<int> parent_;  ///< by producer: the concat that it is a slice of
  std::vector<int> slice_;   ///< by producer: its first channel there
  fusion_rule fuses_;
  std::vector<int> partner_;  ///< the other half of a separable convolution
};

}  // namespace detail

/// Lowers a network. Combinations that the operations do not cover are errors that name the layer.
constexpr plan lower(const network& net, int batch, size2 size, run_mode mode, fusion_rule fuses = nullptr) {
  return detail::lowering(net, batch, size, mode, fuses).run();
}

}  // namespace odt
