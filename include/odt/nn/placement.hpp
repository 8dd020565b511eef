// SPDX-License-Identifier: MIT
// Where the outputs of a network's layers lie. A layer that computes has a buffer of its own, or a slice of the concat
// or of the network's output that it goes to. Batch norms and clamps behind it are no operations over memory: they are
// pendings of its view, as long as nobody else reads what lies before them. Nor are slices: they are parts of a view.
#pragma once

#include <odt/core/error.hpp>
#include <odt/nn/back_end.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/plan.hpp>
#include <odt/nn/shapes.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace odt::detail {

/// A branch of a concat, or a layer of an output, that has to be copied to its place.
struct copied_layer {
  int layer = -1;
  int value = -1;     ///< the view that it is copied to; until a concat has its own: the first channel there
  int gradient = -1;  ///< and that the copy's gradient comes from
};

/// Fills a plan's views, buffers and outputs; see the head of this file.
class placement {
 public:
  constexpr placement(const network& net, const back_end& device, plan& p)
      : net_(net),
        device_(device),
        plan_(p),
        all_(shapes(net, p.image, p.mode)),
        readers_(static_cast<std::size_t>(net.size()), 0),
        slots_(static_cast<std::size_t>(net.size())),
        branches_(static_cast<std::size_t>(net.size())) {
    plan_.layers.resize(static_cast<std::size_t>(net.size()));
  }

  constexpr void run() {
    find_live();
    count_readers();
    for (int i = 0; i < net_.size(); ++i)
      if (live(i)) find_producer(i);
    place_outputs();
    fuse_separable();
    for (int i = net_.size() - 1; i >= 0; --i)
      if (at(i).producer == i) place(i);
    finish();
    for (int i = 0; i < net_.size(); ++i)
      if (live(i)) follow(i);
  }

  /// The branches of a concat that are copied to it.
  constexpr const std::vector<copied_layer>& copied_branches(int concat) const {
    return branches_[static_cast<std::size_t>(concat)];
  }
  /// The layers that are copied to the network's outputs.
  constexpr const std::vector<copied_layer>& copied_outputs() const { return outputs_; }
  /// The other half of a layer that is fused with another one, or -1.
  constexpr int partner(int layer) const { return slots_[static_cast<std::size_t>(layer)].partner; }
  /// The view that covers all of a buffer.
  constexpr int whole(int buffer) const { return whole_[static_cast<std::size_t>(buffer)]; }

 private:
  /// What is known of a producer before it has its view.
  struct slot {
    int concat = -1;          ///< that it is a slice of
    int channel = 0;          ///< its first channel there
    bool in_output = false;   ///< writes its rows
    bool joint_norm = false;  ///< concat: a branch of it has a batch norm
    pending_place joint{};    ///< concat: the clamp of all branches
    int partner = -1;
  };

  constexpr layer_views& at(int l) { return plan_.layers[static_cast<std::size_t>(l)]; }
  constexpr slot& slot_of(int l) { return slots_[static_cast<std::size_t>(l)]; }
  constexpr const shape3& shape(int l) const { return all_[static_cast<std::size_t>(l)]; }
  constexpr int readers(int l) const { return readers_[static_cast<std::size_t>(l)]; }
  constexpr bool train() const { return plan_.mode == run_mode::train; }
  constexpr bool live(int l) { return at(l).live; }

  /// What the wanted outputs depend on; in training, also what moves averages and no output depends on in any mode.
  constexpr void find_live() {
    if (net_.outputs.empty()) return;
    std::vector<char> wanted(static_cast<std::size_t>(net_.size()), 0), unwanted = wanted;
    for (const network_output& o : net_.outputs)
      for (const int l : o.layers) (o.wanted(plan_.mode) ? wanted : unwanted)[static_cast<std::size_t>(l)] = 1;
    const auto spread = [this](std::vector<char>& marks, int i) {
      if (marks[static_cast<std::size_t>(i)])
        for (const int input : net_[i].inputs) marks[static_cast<std::size_t>(input)] = 1;
    };
    for (int i = net_.size() - 1; i >= 0; --i) {
      spread(unwanted, i);
      const bool moves = train() && net_[i].kind == layer_kind::batch_norm && net_[i].norm.train;
      if (moves && !unwanted[static_cast<std::size_t>(i)]) wanted[static_cast<std::size_t>(i)] = 1;
      spread(wanted, i);
      at(i).live = i == 0 || wanted[static_cast<std::size_t>(i)];
    }
  }

  constexpr void count_readers() {
    for (int i = 0; i < net_.size(); ++i)
      if (live(i) && net_[i].kind != layer_kind::regions)  // these are chosen by what lies in the outputs
        for (const int input : net_[i].inputs) ++readers_[static_cast<std::size_t>(input)];
    for (const network_output& o : net_.outputs)
      if (o.wanted(plan_.mode))
        for (const int l : o.layers) ++readers_[static_cast<std::size_t>(l)];
  }

  constexpr void find_producer(int i) {
    const layer& l = net_[i];
    layer_views& own = at(i);
    own.differentiable = learns(net_, i);
    for (const int input : l.inputs) own.differentiable = own.differentiable || at(input).differentiable;
    if (l.kind == layer_kind::regions) own.differentiable = false;
    own.producer = i;
    if (l.kind == layer_kind::batch_norm) own.norm = i;
    if (l.kind == layer_kind::concat) join(i);
    if (!continues(i)) return;
    own.producer = at(l.inputs[0]).producer;
    own.norm = -1;
    if (is_idle(i)) return;
    layer_views& producer = at(own.producer);
    producer.differentiable = own.differentiable;
    (l.kind == layer_kind::batch_norm ? producer.norm : producer.clamp) = i;
  }

  /// Whether a layer is no operation: a pending of its input's view, or idle.
  constexpr bool continues(int i) {
    if (is_idle(i)) return true;
    const layer& l = net_[i];
    if (l.kind != layer_kind::batch_norm && l.kind != layer_kind::clamp) return false;
    const int x = l.inputs[0], p = at(x).producer;
    if (readers(x) != 1 || is_output(i) || p == 0 || is_idle(x)) return false;
    const layer_views& producer = at(p);
    if (net_[p].kind == layer_kind::concat &&
        (slot_of(p).joint_norm || slot_of(p).joint.clamps() || (train() && read_beside(p))))
      return false;
    return producer.clamp < 0 && (l.kind == layer_kind::clamp || producer.norm < 0);
  }

  /// Whether a slice of a concat has other readers: they send gradients of what lies before a pending of the concat.
  constexpr bool read_beside(int concat) {
    for (const int x : net_[concat].inputs) {
      const int p = at(x).producer;
      if (slot_of(p).concat != concat) continue;
      if (readers(x) != 1 || (net_[p].kind == layer_kind::concat && read_beside(p))) return true;
    }
    return false;
  }

  /// Whether a layer has no values of its own: those of its input, or some of them.
  constexpr bool is_idle(int l) const {
    return net_[l].kind == layer_kind::slice || (net_[l].kind == layer_kind::dropout && !train());
  }

  constexpr bool is_output(int l) const {
    for (const network_output& o : net_.outputs)
      for (const int of : o.layers)
        if (of == l && o.wanted(plan_.mode)) return true;
    return false;
  }

  // Concats.

  /// Whether a producer can write a part of something else.
  constexpr bool movable(int p) { return p != 0 && slot_of(p).concat < 0 && !slot_of(p).in_output; }

  /// Whether a producer's values come finished where the plan does not train.
  constexpr bool finishes(int p) const { return !train() && device_.finishes(net_[p].kind); }

  /// Branches become slices of their concat, where they come finished or one clamp suits them all; others are copied to
  /// their slices.
  constexpr void join(int i) {
    const auto& inputs = net_[i].inputs;
    const pending_place joint = train() ? joint_clamp(i) : pending_place{};
    slot_of(i).joint = joint;
    int channel = 0;
    for (const int x : inputs) {
      const int p = at(x).producer;
      const pending_place own = clamp_of(p);
      const bool same = !train() || !own.clamps() || (own.low == joint.low && own.high == joint.high);
      const bool pends = at(p).norm >= 0 || at(p).clamp >= 0;
      if (same && movable(p) && !is_idle(x) && (train() || finishes(p) || !pends)) {
        slot_of(p).concat = i, slot_of(p).channel = channel;
        slot_of(i).joint_norm = slot_of(i).joint_norm || at(p).norm >= 0 || slot_of(p).joint_norm;
      } else {
        branches_[static_cast<std::size_t>(i)].push_back({x, channel, -1});
      }
      channel += net_.channels(x);
    }
  }

  /// The first branch's clamp that has one, if the values of all others lie within; else none.
  constexpr pending_place joint_clamp(int concat) {
    pending_place joint;
    for (const int x : net_[concat].inputs)
      if (!joint.clamps()) joint = clamp_of(at(x).producer);
    for (const int x : net_[concat].inputs) {
      const pending_place range = range_of(x);
      if (range.low < joint.low || range.high > joint.high) return {};
    }
    return joint;
  }

  /// The clamp that is a pending of a producer's view.
  constexpr pending_place clamp_of(int p) {
    if (const int clamp = at(p).clamp; clamp >= 0)
      return {.low = net_[clamp].function.low, .high = net_[clamp].function.high};
    return slot_of(p).joint;
  }

  /// Between what a layer's values lie, as far as an activation or a pool of activated values tells.
  constexpr pending_place range_of(int l) {
    const layer& own = net_[l];
    if (own.kind == layer_kind::clamp) return {.low = own.function.low, .high = own.function.high};
    if (own.kind == layer_kind::max_pool || own.kind == layer_kind::average_pool) return range_of(own.inputs[0]);
    if (own.kind == layer_kind::concat) return slot_of(l).joint;
    return {};
  }

  // Outputs.

  /// Layers write their rows of the network's outputs, or are copied there.
  constexpr void place_outputs() {
    for (const network_output& o : net_.outputs) {
      if (!o.wanted(plan_.mode)) {
        plan_.outputs.push_back({});
        continue;
      }
      std::int64_t rows = 0;
      for (const int l : o.layers) {
        if (shape(l).images != 1 && o.layers.size() != 1)
          fail("layer ", net_[l].name, ": has ", shape(l).images, " images a picture, and output \"", o.name,
               "\" has other layers; it has to be the only one");
        if (net_.channels(l) % o.columns != 0)
          fail("layer ", net_[l].name, ": predicts ", net_.channels(l), " numbers a cell, which are no rows of ",
               o.columns, " of output \"", o.name, "\"");
        rows += shape(l).size() / o.columns;
      }
      const shape3 all{1, static_cast<int>(rows), o.columns};
      plan_output out{.value = add(dense(all, add_buffer(plan_.batch * all.size())))};
      if (train()) out.gradient = add(dense(all, add_buffer(plan_.batch * all.size())));
      plan_.outputs.push_back(out);
      std::int64_t first = 0;
      for (const int l : o.layers) {
        place_rows(l, out, first);
        first += shape(l).size();
      }
    }
  }

  constexpr void place_rows(int l, const plan_output& out, std::int64_t first) {
    const auto part = [&](int of) {
      const tensor_view all = plan_.views[static_cast<std::size_t>(of)];
      tensor_view rows = dense(shape(l), all.buffer);
      rows.offset = first;
      if (shape(l).images == 1) rows.image_stride = all.image_stride;
      return add(rows);
    };
    const int value = part(out.value), gradient = train() && at(l).differentiable ? part(out.gradient) : -1;
    if (at(l).producer == l && device_.writes_outputs(net_[l].kind) && movable(l) && readers(l) == 1)
      slot_of(l).in_output = true, at(l).value = value, at(l).gradient = gradient;
    else
      outputs_.push_back({l, value, gradient});
  }

  // Separable convolutions.

  /// Makes partners of depthwise layers and the pointwise layers that alone read them.
  constexpr void fuse_separable() {
    if (train() || !device_.fuses) return;
    for (int i = 0; i < net_.size(); ++i) {
      const layer& l = net_[i];
      if (!live(i) || l.kind != layer_kind::convolution || l.kernel_height * l.kernel_width != 1 || l.stride != 1)
        continue;
      const int x = l.inputs[0], d = at(x).producer;
      const bool alone = net_[d].kind == layer_kind::depthwise_convolution && readers(x) == 1 && !is_idle(x);
      if (!alone || !movable(d)) continue;
      const std::int64_t pixels = std::int64_t{plan_.batch} * shape(d).images * shape(d).height * shape(d).width;
      if (device_.fuses(net_[d], pixels)) slot_of(i).partner = d, slot_of(d).partner = i;
    }
  }

  // Views.

  constexpr int add_buffer(std::int64_t floats) {
    plan_.buffers.push_back({.floats = floats});
    whole_.push_back(-1);
    return static_cast<int>(plan_.buffers.size()) - 1;
  }

  constexpr int add(const tensor_view& v) {
    plan_.views.push_back(v);
    const int number = static_cast<int>(plan_.views.size()) - 1;
    if (v.buffer >= 0 && v.whole() && whole(v.buffer) < 0) whole_[static_cast<std::size_t>(v.buffer)] = number;
    return number;
  }

  constexpr tensor_view dense(const shape3& s, int buffer) const {
    const std::int64_t image = std::int64_t{s.height} * s.width * s.channels;
    return {buffer, 0, plan_.batch * s.images, s.height, s.width, s.channels, s.channels, image};
  }

  /// Channels [first, first + count) of a view.
  static constexpr tensor_view slice(tensor_view whole, int first, int count) {
    whole.offset += first, whole.channels = count;
    if (whole.pending.affine >= 0) whole.pending.affine += first;
    return whole;
  }

  /// Gives a producer its views.
  constexpr void place(int i) {
    layer_views& own = at(i);
    const slot& known = slot_of(i);
    if (net_[i].kind == layer_kind::group_norm)
      own.statistics = add_affines(plan_.batch * shape(i).images * net_[i].groups);
    if (known.in_output) return;
    const bool learns = train() && own.differentiable;
    const bool affine = own.norm >= 0 || known.joint_norm;
    tensor_view v;
    if (known.concat >= 0) {
      v = slice(plan_.value(known.concat), known.channel, net_.channels(i));
      if (!affine) v.pending.affine = -1;
      plan_.has_identities = plan_.has_identities || (!affine && plan_.value(known.concat).pending.affine >= 0);
      if (learns) own.gradient = add(slice(plan_.gradient(known.concat), known.channel, net_.channels(i)));
    } else if (known.partner >= 0 && net_[i].kind == layer_kind::depthwise_convolution) {
      v = dense(shape(i), -1);
      if (affine) v.pending.affine = add_affines(net_.channels(i));
    } else {
      v = dense(shape(i), add_buffer(plan_.batch * shape(i).size()));
      if (affine) v.pending.affine = add_affines(net_.channels(i));
      if (learns) own.gradient = add(dense(shape(i), add_buffer(plan_.batch * shape(i).size())));
    }
    v.pending.low = known.joint.low, v.pending.high = known.joint.high;
    if (own.clamp >= 0) v.pending.low = net_[own.clamp].function.low, v.pending.high = net_[own.clamp].function.high;
    own.value = add(v);
    if (net_[i].kind == layer_kind::concat) place_copies(i);
  }

  constexpr int add_affines(int count) { return std::exchange(plan_.affines, plan_.affines + count); }

  /// The slices that branches of a concat are copied to.
  constexpr void place_copies(int concat) {
    for (copied_layer& c : branches_[static_cast<std::size_t>(concat)]) {
      const int first = c.value, channels = net_.channels(c.layer);
      tensor_view to = slice(plan_.value(concat), first, channels);
      plan_.has_identities = plan_.has_identities || to.pending.affine >= 0;
      to.pending = {};
      c.value = add(to);
      if (train() && at(concat).differentiable && at(c.layer).differentiable)
        c.gradient = add(slice(plan_.gradient(concat), first, channels));
    }
  }

  /// What is no operation has the view of what it follows, or a part of it.
  constexpr void follow(int i) {
    layer_views& own = at(i);
    if (own.producer == i) return;
    const layer_views& input = at(net_[i].inputs[0]);
    own.value = input.value, own.gradient = input.gradient;
    if (net_[i].kind != layer_kind::slice) return;
    for (int* const view : {&own.value, &own.gradient})
      if (*view >= 0) *view = add(slice(plan_.views[static_cast<std::size_t>(*view)], net_[i].first, net_.channels(i)));
  }

  /// Where the plan does not train, producers that can do so apply their pendings themselves.
  constexpr void finish() {
    if (train()) return;
    for (int i = 0; i < net_.size(); ++i) {
      if (at(i).producer != i) continue;
      pending_place& pending = plan_.views[static_cast<std::size_t>(at(i).value)].pending;
      if (finishes(i))
        at(i).finish = std::exchange(pending, {});
      else if (net_[i].kind == layer_kind::concat && at(i).norm < 0 && at(i).clamp < 0)
        pending = {};
    }
  }

  const network& net_;
  const back_end& device_;
  plan& plan_;
  std::vector<shape3> all_;
  std::vector<int> readers_;                         ///< by layer: layers and outputs that read it
  std::vector<slot> slots_;                          ///< by producer
  std::vector<std::vector<copied_layer>> branches_;  ///< by concat
  std::vector<copied_layer> outputs_;
  std::vector<int> whole_;  ///< by buffer
};

}  // namespace odt::detail
