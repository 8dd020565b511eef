// SPDX-License-Identifier: MIT
// A whole train step of an SSD as one module: targets, forward, losses, backward, update, moving averages.
//   arguments: the state, of each variable its value and, where it is trained, its slots and average; then the batch:
//              images, boxes, classes, weights, counts; then a row of numbers, see step_input
//   results:   the state in the same order, in the arguments' memory; then a row of numbers, see step_number
// Or several steps as one module, a loop: the batches and rows have a leading axis, a step each, and behind them come
// two scalars, the first step to take and how many; the last result has a row a step.
#pragma once

#include <odt/anchor_generator.hpp>
#include <odt/box_predictor.hpp>
#include <odt/core/any_of.hpp>
#include <odt/core/error.hpp>
#include <odt/core/precision.hpp>
#include <odt/exec/pjrt/network_trace.hpp>
#include <odt/exec/pjrt/ssd_loss_trace.hpp>
#include <odt/exec/pjrt/ssd_targets_trace.hpp>
#include <odt/exec/pjrt/step_state.hpp>
#include <odt/exec/pjrt/update_trace.hpp>
#include <odt/exec/step.hpp>
#include <odt/nn/shapes.hpp>
#include <odt/nn/variable_layout.hpp>
#include <odt/ssd/options.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace odt::pjrt {

/// What a step is told besides its batch: the rate, and the number that a dropout's choices follow from, that of the
/// step times the replicas, plus the replica's; in two parts (traced_dropout_key).
enum step_input : std::size_t { rate_input, low_step_input, high_step_input, step_input_count };

/// What a step tells, in the order of its last result.
enum step_number : std::size_t {
  classification_loss_number,
  localization_loss_number,
  penalty_number,
  norm_number,
  finite_number,
  boxes_number,
  matched_boxes_number,
  positives_number,
  negatives_number,
  ignored_number,
  step_number_count
};

/// The step of one shape of batches.
struct step_module {
  std::string text;
  std::size_t results = 0;
};

namespace detail {

/// Refuses what needs an order that a module of whole tensors does not have, as the API does on TPUs.
template <class Axes>
void check_on_accelerator(const ssd_options<Axes>& o) {
  if (o.loss.miner)
    fail("model.ssd.loss.hard_example_miner: an accelerator does not mine; leave it out and write ",
         "classification_loss { weighted_sigmoid_focal { alpha: 0.25 gamma: 2.0 } }");
  std::visit(
      []<class M>(const M&) {
        if constexpr (!column_matcher<M>)
          fail("model.ssd.matcher.", M::name, ": an accelerator matches each anchor by itself; write argmax_matcher");
      },
      o.matcher);
}

template <class Axes>
traced_targets trace_targets_of(module_builder& m, const ssd_options<Axes>& o, const traced_truth& truth,
                                std::span<const boxf> anchors) {
  return std::visit(
      [&]<class M>(const auto& compare, const M& matcher, const auto& coder) -> traced_targets {
        if constexpr (column_matcher<M>)
          return trace_targets(m, compare, matcher, coder, truth, anchors, o.loss.negative_class_weight);
        else
          return {};
      },
      o.similarity, o.matcher, o.box_coder);
}

/// How many of all replicas' anchors are as a condition says.
inline tensor count_anchors(module_builder& m, const traced_condition& condition, const extents& shape) {
  const tensor ones = m.broadcast(select(condition, traced(1), traced(0)).in(m), shape);
  return m.sum_over_replicas(total(m, ones));
}

/// What a step reads besides the state.
struct traced_batch {
  tensor images;
  traced_truth truth;
  tensor inputs;  ///< see step_input

  /// Of batches with a leading axis, one.
  traced_batch step(module_builder& m, const tensor& number) const {
    const auto of = [&](const tensor& all) { return m.row(all, number); };
    return {of(images), {of(truth.boxes), of(truth.classes), of(truth.weights), of(truth.counts)}, of(inputs)};
  }
};

/// A module of one step, or of several.
template <class Axes>
class step_writer {
 public:
  step_writer(const ssd_options<Axes>& o, const network& net, const variable_layout& layout, const step_shape& shape,
              int replicas, precision compute, std::uint64_t seed)
      : m_(replicas, compute == precision::bf16 ? "DEFAULT" : "HIGHEST"),
        o_(o),
        net_(net),
        layout_(layout),
        shape_(shape),
        seed_(seed),
        places_(places_of(net, layout)) {
    check_on_accelerator(o);
    const std::size_t slots = std::visit([](const auto& how) { return how.slots.size(); }, o.optimizer);
    before_ = trace_state(m_, layout, slots, o.update.average);
  }

  module_builder& module() { return m_; }
  const std::vector<traced_variable>& state() const { return before_; }

  /// The arguments behind the state; `leading` are axes before all of their own.
  traced_batch arguments(const extents& leading) {
    const auto argument = [&](extents shape) {
      shape.insert(shape.begin(), leading.begin(), leading.end());
      return m_.argument(element_type::f32, std::move(shape));
    };
    const std::int64_t images = shape_.batch, rows = shape_.max_boxes;
    traced_batch b;
    b.images = argument({images, shape_.image.height, shape_.image.width, 3});
    b.truth.boxes = argument({images, rows, 4});
    b.truth.classes = argument({images, rows});
    b.truth.weights = argument({images, rows});
    b.truth.counts = argument({images, 1});
    b.inputs = argument({step_input_count});
    return b;
  }

  /// A step: the state becomes that after it. What it tells, see step_number.
  tensor write(const traced_batch& b, std::vector<traced_variable>& state) {
    const auto input = [&](std::int64_t n) { return m_.reshape(m_.slice(b.inputs, {n}, {n + 1}), {}); };
    std::vector<tensor> variables;
    for (const std::size_t place : places_) variables.push_back(state[place].value);
    network_trace run(m_, net_, variables, run_mode::train, {seed_, input(low_step_input), input(high_step_input)});
    run.forward(b.images);
    const traced_targets targets = trace_targets_of(m_, o_, b.truth, anchors());
    const traced_losses losses = std::visit(
        [&](const auto& classes, const auto& boxes) {
          return trace_ssd_loss(m_, classes, boxes, o_.loss, run.output(box_encodings), run.output(class_logits),
                                targets);
        },
        o_.classification_loss, o_.localization_loss);
    std::array<tensor, 2> of_outputs;
    of_outputs[box_encodings] = losses.encodings, of_outputs[class_logits] = losses.logits;
    run.backward(of_outputs);
    const tensor sum_of_losses = m_.binary("add", losses.classification, losses.localization);
    const traced_update update = learn(run, input(rate_input), sum_of_losses, state);
    return report(b, targets, losses, update);
  }

  /// Ends the module: the state after all, and what was told.
  step_module finish(std::span<const traced_variable> after, const tensor& numbers) {
    return_state(m_, before_, after);
    m_.result(numbers);
    return {m_.text(), m_.result_count()};
  }

 private:
  std::vector<boxf> anchors() const {
    const std::vector<size2> maps = feature_map_sizes(net_, shape_.image);
    return std::visit([&](const auto& generator) { return generator.generate(maps, shape_.image); },
                      o_.anchor_generator);
  }

  traced_update learn(const network_trace& run, const tensor& rate, const tensor& losses,
                      std::vector<traced_variable>& state) {
    std::vector<tensor> gradients(layout_.variables.size());
    for (std::size_t number = 0; number < places_.size(); ++number) {
      gradients[places_[number]] = run.gradients()[number];
      if (const tensor& moved = run.moved()[number]; moved.given()) {
        const traced sum(m_, m_.sum_over_replicas(moved));
        state[places_[number]].value = (sum * traced(1.0f / static_cast<float>(m_.replicas()))).in(m_);
      }
    }
    std::vector<variable> learned = layout_.variables;
    for (variable& v : learned) v.trainable = v.trainable && v.offset < layout_.trainable_floats;
    return std::visit(
        [&](const auto& how) { return trace_update(m_, how, o_.update, learned, gradients, rate, losses, state); },
        o_.optimizer);
  }

  tensor report(const traced_batch& b, const traced_targets& targets, const traced_losses& losses,
                const traced_update& update) {
    std::array<tensor, step_number_count> numbers;
    numbers[classification_loss_number] = losses.classification;
    numbers[localization_loss_number] = losses.localization;
    numbers[penalty_number] = update.penalty, numbers[norm_number] = update.norm,
    numbers[finite_number] = update.finite;
    numbers[boxes_number] = m_.sum_over_replicas(total(m_, b.truth.counts));
    numbers[matched_boxes_number] = m_.sum_over_replicas(targets.matched_boxes);
    const traced match(m_, targets.match);
    const auto count = [&](const traced_condition& c) { return count_anchors(m_, c, targets.match.shape); };
    numbers[positives_number] = count(match >= traced(0));
    numbers[negatives_number] = count(match == traced(unmatched));
    numbers[ignored_number] = count(match == traced(ignored));
    for (tensor& n : numbers) n = m_.reshape(n, {1});
    return m_.concatenate(numbers, 0);
  }

  module_builder m_;
  const ssd_options<Axes>& o_;
  const network& net_;
  const variable_layout& layout_;
  step_shape shape_;
  std::uint64_t seed_;
  std::vector<std::size_t> places_;  ///< of the network's variables in the layout
  std::vector<traced_variable> before_;
};

}  // namespace detail

/// Writes the step; `shape` is that of each replica's batch.
template <class Axes>
step_module trace_ssd_step(const ssd_options<Axes>& o, const network& net, const variable_layout& layout,
                           const step_shape& shape, int replicas, precision compute, std::uint64_t seed) {
  detail::step_writer<Axes> step(o, net, layout, shape, replicas, compute, seed);
  const detail::traced_batch batch = step.arguments({});
  std::vector<traced_variable> state = step.state();
  const tensor numbers = step.write(batch, state);
  return step.finish(state, numbers);
}

/// Writes a loop of up to `steps` of them. It ends before its count behind a step whose loss is not finite.
template <class Axes>
step_module trace_ssd_loop(const ssd_options<Axes>& o, const network& net, const variable_layout& layout,
                           const step_shape& shape, int replicas, precision compute, std::uint64_t seed, int steps) {
  detail::step_writer<Axes> step(o, net, layout, shape, replicas, compute, seed);
  module_builder& m = step.module();
  const detail::traced_batch batches = step.arguments({steps});
  const tensor first = m.argument(element_type::f32, {}), count = m.argument(element_type::f32, {});
  const tensor end = m.binary("add", first, count);
  const tensor rows = m.iota({steps, 1}, 0);
  // The state behind the number of the next step, whether all was finite so far, and the rows of numbers.
  enum : std::size_t { next, finite, table, own };
  std::vector<traced_variable> state = step.state();
  std::vector<tensor> carried{first, m.number(1), m.broadcast(m.number(0), {steps, step_number_count})};
  for (const tensor* t : detail::tensors_of(state)) carried.push_back(*t);
  const auto goes_on = [&](std::span<const tensor> now) {
    return m.binary("and", m.compare("LT", now[next], end), m.compare("GT", now[finite], m.number(0)));
  };
  const auto take = [&](std::span<const tensor> now) {
    std::vector<traced_variable> after = state;
    const auto set = [](std::vector<traced_variable>& to, std::span<const tensor> from) {
      for (tensor* t : detail::tensors_of(to)) *t = from.front(), from = from.subspan(1);
    };
    set(after, now.subspan(own));
    const tensor numbers = step.write(batches.step(m, now[next]), after);
    const tensor here = m.compare("EQ", rows, now[next]);
    std::vector<tensor> then{m.binary("add", now[next], m.number(1)),
                             m.reshape(m.slice(numbers, {finite_number}, {finite_number + 1}), {}),
                             m.select(here, m.reshape(numbers, {1, step_number_count}), now[table])};
    for (const tensor* t : detail::tensors_of(after)) then.push_back(*t);
    return then;
  };
  const std::vector<tensor> last = m.loop(carried, goes_on, take);
  std::span<const tensor> values = std::span(last).subspan(own);
  for (tensor* t : detail::tensors_of(state)) *t = values.front(), values = values.subspan(1);
  return step.finish(state, last[table]);
}

}  // namespace odt::pjrt
