// SPDX-License-Identifier: MIT
// A whole train step of an SSD as one module: targets, forward, losses, backward, update, moving averages.
//   arguments: the state, of each variable its value and, where it is trained, its slots and average; then the batch:
//              images, boxes, classes, weights, counts; then the rate
//   results:   the state in the same order, in the arguments' memory; then a row of numbers, see step_numbers
#pragma once

#include <odt/anchor_generator.hpp>
#include <odt/box_predictor.hpp>
#include <odt/core/any_of.hpp>
#include <odt/core/error.hpp>
#include <odt/core/precision.hpp>
#include <odt/exec/pjrt/network_trace.hpp>
#include <odt/exec/pjrt/ssd_loss_trace.hpp>
#include <odt/exec/pjrt/ssd_targets_trace.hpp>
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

/// Takes the state's arguments: each variable's, in the layout's order.
inline std::vector<traced_variable> trace_state(module_builder& m, const variable_layout& layout, std::size_t slots,
                                                bool average) {
  std::vector<traced_variable> state;
  for (const variable& v : layout.variables) {
    const extents shape(v.shape.begin(), v.shape.end());
    traced_variable s{m.argument(element_type::f32, shape), {}, {}};
    if (v.trainable && v.offset < layout.trainable_floats) {
      for (std::size_t k = 0; k < slots; ++k) s.slots.push_back(m.argument(element_type::f32, shape));
      if (average) s.average = m.argument(element_type::f32, shape);
    }
    state.push_back(std::move(s));
  }
  return state;
}

/// Makes the state's results of what the arguments have become.
inline void return_state(module_builder& m, std::span<const traced_variable> before,
                         std::span<const traced_variable> after) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    m.result(after[i].value, before[i].value);
    for (std::size_t k = 0; k < before[i].slots.size(); ++k) m.result(after[i].slots[k], before[i].slots[k]);
    if (before[i].average.given()) m.result(after[i].average, before[i].average);
  }
}

/// Places in the layout of a network's variables.
inline std::vector<std::size_t> places_of(const network& net, const variable_layout& layout) {
  std::vector<std::size_t> places;
  for (std::size_t number = 0; number < net.variables.size(); ++number)
    for (std::size_t i = 0; i < layout.variables.size(); ++i)
      if (layout.variables[i].offset == layout.offsets[number]) places.push_back(i);
  return places;
}

}  // namespace detail

/// Writes the step; `shape` is that of each replica's batch.
template <class Axes>
step_module trace_ssd_step(const ssd_options<Axes>& o, const network& net, const variable_layout& layout,
                           const step_shape& shape, int replicas, precision compute) {
  detail::check_on_accelerator(o);
  module_builder m(replicas, compute == precision::bf16 ? "DEFAULT" : "HIGHEST");
  const std::size_t slots = std::visit([](const auto& how) { return how.slots.size(); }, o.optimizer);
  std::vector<traced_variable> state = detail::trace_state(m, layout, slots, o.update.average);
  const std::vector<traced_variable> before = state;
  const std::int64_t batch = shape.batch, rows = shape.max_boxes;
  const tensor images = m.argument(element_type::f32, {batch, shape.image.height, shape.image.width, 3});
  traced_truth truth;
  truth.boxes = m.argument(element_type::f32, {batch, rows, 4});
  truth.classes = m.argument(element_type::f32, {batch, rows});
  truth.weights = m.argument(element_type::f32, {batch, rows});
  truth.counts = m.argument(element_type::f32, {batch, 1});
  const tensor rate = m.argument(element_type::f32, {});

  const std::vector<std::size_t> places = detail::places_of(net, layout);
  std::vector<tensor> variables;
  for (const std::size_t place : places) variables.push_back(state[place].value);
  network_trace run(m, net, variables);
  run.forward(images);
  const std::vector<size2> maps = feature_map_sizes(net, shape.image);
  const std::vector<boxf> anchors =
      std::visit([&](const auto& generator) { return generator.generate(maps, shape.image); }, o.anchor_generator);
  const traced_targets targets = detail::trace_targets_of(m, o, truth, anchors);
  const traced_losses losses = std::visit(
      [&](const auto& classes, const auto& boxes) {
        return trace_ssd_loss(m, classes, boxes, o.loss, run.output(box_encodings), run.output(class_logits), targets);
      },
      o.classification_loss, o.localization_loss);
  std::array<tensor, 2> of_outputs;
  of_outputs[box_encodings] = losses.encodings, of_outputs[class_logits] = losses.logits;
  run.backward(of_outputs);

  std::vector<tensor> gradients(layout.variables.size());
  for (std::size_t number = 0; number < places.size(); ++number) {
    gradients[places[number]] = run.gradients()[number];
    if (const tensor& moved = run.moved()[number]; moved.given()) {
      const traced sum(m, m.sum_over_replicas(moved));
      state[places[number]].value = (sum * traced(1.0f / static_cast<float>(replicas))).in(m);
    }
  }
  std::vector<variable> learned = layout.variables;
  for (variable& v : learned) v.trainable = v.trainable && v.offset < layout.trainable_floats;
  const tensor sum_of_losses = m.binary("add", losses.classification, losses.localization);
  const traced_update update = std::visit(
      [&](const auto& how) { return trace_update(m, how, o.update, learned, gradients, rate, sum_of_losses, state); },
      o.optimizer);
  detail::return_state(m, before, state);

  std::array<tensor, step_number_count> numbers;
  numbers[classification_loss_number] = losses.classification;
  numbers[localization_loss_number] = losses.localization;
  numbers[penalty_number] = update.penalty, numbers[norm_number] = update.norm, numbers[finite_number] = update.finite;
  numbers[boxes_number] = m.sum_over_replicas(detail::total(m, truth.counts));
  numbers[matched_boxes_number] = m.sum_over_replicas(targets.matched_boxes);
  const traced match(m, targets.match);
  const auto count = [&](const traced_condition& c) { return detail::count_anchors(m, c, targets.match.shape); };
  numbers[positives_number] = count(match >= traced(0));
  numbers[negatives_number] = count(match == traced(unmatched));
  numbers[ignored_number] = count(match == traced(ignored));
  for (tensor& n : numbers) n = m.reshape(n, {1});
  m.result(m.concatenate(numbers, 0));
  return {m.text(), m.result_count()};
}

}  // namespace odt::pjrt
