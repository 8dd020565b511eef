// SPDX-License-Identifier: MIT
// The update of all variables as operations of a module; see cpu::update.
#pragma once

#include <odt/core/policy.hpp>
#include <odt/exec/pjrt/ssd_loss_trace.hpp>
#include <odt/exec/pjrt/traced.hpp>
#include <odt/exec/update.hpp>
#include <odt/nn/variables.hpp>
#include <odt/optimizer.hpp>

#include <span>
#include <vector>

namespace odt::pjrt {

/// A variable, and what is kept beside it where it is trained.
struct traced_variable {
  tensor value;
  std::vector<tensor> slots;
  tensor average;
};

/// What an update tells: scalars.
struct traced_update {
  tensor penalty;  ///< what the regularizers cost
  tensor norm;     ///< of all gradients, before clipping
  tensor finite;   ///< 1 where variables moved, else 0
};

namespace detail {

/// What a regularizer costs.
inline traced penalty_of(module_builder& m, const regularizer& r, const tensor& value) {
  const traced w(m, value);
  if (r.kind == penalty_kind::none) return traced(0);
  if (r.kind == penalty_kind::l1) return traced(m, total(m, abs(w).in(m))) * traced(r.weight);
  return traced(m, total(m, (w * w).in(m))) * traced(0.5f * r.weight);
}

inline traced regularized(module_builder& m, const regularizer& r, const tensor& value, const traced& gradient) {
  const traced w(m, value);
  if (r.kind == penalty_kind::none) return gradient;
  if (r.kind == penalty_kind::l2) return gradient + w * traced(r.weight);
  const traced sign = select(w > traced(0), traced(1), select(w < traced(0), traced(-1), traced(0)));
  return gradient + sign * traced(r.weight);
}

}  // namespace detail

/// Replaces variables, slots and averages by those after a step; `gradients` of this replica, not given where there is
/// none. Where a loss or the norm is not finite everything stays.
template <optimizer O>
traced_update trace_update(module_builder& m, const O& how, const update_options& options,
                           std::span<const variable> variables, std::span<const tensor> gradients, const tensor& rate,
                           const tensor& losses, std::span<traced_variable> stores) {
  traced penalty(0), squares(0);
  std::vector<traced> all(variables.size());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const variable& v = variables[i];
    const regularizer kept = options.regularize ? v.penalty : regularizer{};
    penalty = penalty + detail::penalty_of(m, kept, stores[i].value);
    if (!v.trainable) continue;
    const traced own = gradients[i].given() ? traced(m, m.sum_over_replicas(gradients[i])) : traced(0);
    all[i] = detail::regularized(m, kept, stores[i].value, own) * traced(v.gradient_multiplier);
    squares = squares + traced(m, detail::total(m, m.broadcast((all[i] * all[i]).in(m), stores[i].value.shape)));
  }
  const traced norm = sqrt(squares);
  const traced finite(m, m.is_finite((norm + traced(m, losses)).in(m)));
  traced clip(1);
  if (options.clip_norm > 0)
    clip = select(norm > traced(options.clip_norm), traced(options.clip_norm) / norm, traced(1));
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!variables[i].trainable) continue;
    traced_variable& s = stores[i];
    traced value(m, s.value);
    optimizer_slots<O, traced> slots;
    for (std::size_t k = 0; k < slots.size(); ++k) slots[k] = traced(m, s.slots[k]);
    how.update(value, traced(all[i] * clip), traced(m, rate), slots);
    const auto replace = [&](tensor& old, const traced& by) {
      old = select(finite > traced(0), traced(m, m.broadcast(by.in(m), old.shape)), traced(m, old)).in(m);
    };
    for (std::size_t k = 0; k < slots.size(); ++k) replace(s.slots[k], slots[k]);
    if (s.average.given()) {
      const traced average(m, s.average);
      replace(s.average, average - (average - value) * traced(1.0f - options.average_decay));
    }
    replace(s.value, value);
  }
  return {penalty.in(m), norm.in(m), finite.in(m)};
}

}  // namespace odt::pjrt
