// SPDX-License-Identifier: MIT
// Both losses of an SSD and their gradients as operations of a module, from the policies' formulas.
#pragma once

#include <odt/exec/pjrt/ssd_targets_trace.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/loss.hpp>
#include <odt/ssd/loss_options.hpp>

#include <string_view>
#include <vector>

namespace odt::pjrt {

/// Sums over the batches of all replicas, weighted and normalized, and the gradients of this one's predictions.
struct traced_losses {
  tensor classification, localization;  ///< scalars
  tensor logits, encodings;             ///< gradients, [batch, anchors, columns]
};

namespace detail {

/// The folds of all rows [batch, anchors, columns]: [batch, anchors, 1] each.
template <std::size_t I, loss L>
void trace_folds(module_builder& m, const L& how, const traced& x, const traced& target,
                 row_folds<traced, fold_count<L>>& folds) {
  if constexpr (I < fold_count<L>) {
    const traced term = how.template fold_term<I>(x, target, folds);
    const std::string_view operation = L::folds[I] == row_fold::sum ? "add" : "maximum";
    folds[I] = traced(m, m.reduce(operation, term.in(m), {2}));
    trace_folds<I + 1>(m, how, x, target, folds);
  }
}

/// Costs and derivatives of all elements.
template <loss L>
loss_term<traced> trace_loss(module_builder& m, const L& how, const tensor& predictions, const tensor& targets,
                             const tensor& weights) {
  const traced x(m, predictions), target(m, targets), weight(m, m.broadcast(weights, predictions.shape));
  row_folds<traced, fold_count<L>> folds{};
  trace_folds<0>(m, how, x, target, folds);
  return odt::detail::term_of(how, loss_element<traced>{x, target}, weight, folds);
}

/// The sum of all elements, a scalar.
inline tensor total(module_builder& m, const tensor& x) {
  std::vector<int> axes;
  for (std::size_t i = 0; i < x.shape.size(); ++i) axes.push_back(static_cast<int>(i));
  return m.reshape(m.reduce("add", x, axes), {});
}

}  // namespace detail

/// What the logits are to be, [batch, anchors, columns].
inline tensor trace_class_targets(module_builder& m, const tensor& classes, std::int64_t columns,
                                  const ssd_loss_options& o) {
  std::vector<tensor> all;
  for (int c = 0; c < static_cast<int>(columns); ++c)
    all.push_back(
        m.broadcast(class_target(traced(m, classes), c, o.add_background_class, o.encode_background_as_zeros).in(m),
                    classes.shape));
  return m.concatenate(all, 2);
}

/// See cpu::ssd_loss; without mining.
template <classification_loss Classification, localization_loss Localization>
traced_losses trace_ssd_loss(module_builder& m, const Classification& classes, const Localization& boxes,
                             const ssd_loss_options& o, const tensor& encodings, const tensor& logits,
                             const traced_targets& t) {
  traced normalizer(1);
  if (o.normalize_loss_by_num_matches)
    normalizer = max(traced(m, m.sum_over_replicas(detail::total(m, t.regression_weights))), traced(1));
  const traced class_scale = traced(o.classification_weight) / normalizer;
  const traced code_size(o.normalize_loc_loss_by_codesize ? encodings.shape[2] : 1);
  const traced box_scale = traced(o.localization_weight) / (normalizer * code_size);
  const auto scaled = [&](const traced& x, const traced& scale) { return (x * scale).in(m); };
  const auto summed = [&](const traced& cost, const traced& scale) {
    return scaled(traced(m, m.sum_over_replicas(detail::total(m, cost.in(m)))), scale);
  };
  const loss_term<traced> of_classes =
      detail::trace_loss(m, classes, logits, trace_class_targets(m, t.classes, logits.shape[2], o), t.class_weights);
  const loss_term<traced> of_boxes = detail::trace_loss(m, boxes, encodings, t.regression, t.regression_weights);
  return {summed(of_classes.value, class_scale), summed(of_boxes.value, box_scale),
          scaled(of_classes.gradient, class_scale), scaled(of_boxes.gradient, box_scale)};
}

}  // namespace odt::pjrt
