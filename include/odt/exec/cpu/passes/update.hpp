// SPDX-License-Identifier: MIT
// The update of all variables in two passes over memory: regularize and measure the gradients; then clip, update and
// average. The optimizer is inlined; bits do not depend on the number of threads.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/exec/update.hpp>
#include <odt/optimizer.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// The parallel stores of an update; `averages` may be null.
struct update_stores {
  float* values = nullptr;
  float* gradients = nullptr;
  std::vector<float*> slots;
  float* averages = nullptr;
};

/// The pieces and their partial sums, planned once.
struct update_plan {
  explicit update_plan(std::vector<update_piece> cut_pieces)
      : pieces(std::move(cut_pieces)), squares(pieces.size()), penalties(pieces.size()) {}

  std::vector<update_piece> pieces;
  std::vector<double> squares, penalties;
};

namespace detail {

/// Adds the regularizer's gradient to a piece, scales it, and sums up its squares and what the regularizer costs.
inline void regularize_piece(const update_piece& piece, bool regularize, const float* values, float* gradients,
                             double& square, double& penalty) {
  const bool l2 = regularize && piece.penalty.kind == penalty_kind::l2;
  const bool l1 = regularize && piece.penalty.kind == penalty_kind::l1;
  const vec weight(piece.penalty.weight), multiplier(piece.gradient_multiplier), zero(0.0f), one(1.0f);
  double squares = 0, costs = 0;
  constexpr std::int64_t block = 64 * lanes;  // summed in floats
  for (std::int64_t begin = 0; begin < piece.size; begin += block) {
    const std::int64_t end = begin + block < piece.size ? begin + block : piece.size;
    vec g2(0.0f), cost(0.0f);
    for (std::int64_t i = begin; i < end; i += lanes) {
      const vec w = load(values + i);
      vec g = load(gradients + i);
      if (l2) {
        cost = cost + w * w;
        g = g + weight * w;
      } else if (l1) {
        cost = cost + xsimd::abs(w);
        g = g + weight * xsimd::select(w > zero, one, xsimd::select(w < zero, -one, zero));
      }
      g = g * multiplier;
      if (piece.trainable) store(gradients + i, g);
      g2 = g2 + g * g;
    }
    squares += static_cast<double>(sum(g2));
    costs += static_cast<double>(sum(cost));
  }
  square = piece.trainable ? squares : 0;
  penalty = static_cast<double>(piece.penalty.weight) * (l2 ? 0.5 * costs : l1 ? costs : 0.0);
}

/// Clips, updates and averages a piece.
template <optimizer O>
void update_piece_of(const O& how, const update_piece& piece, float rate, float clip, float average_rate,
                     const update_stores& stores) {
  const vec speed(rate), scale(clip), toward(average_rate);
  for (std::int64_t i = piece.offset; i < piece.offset + piece.size; i += lanes) {
    vec value = load(stores.values + i);
    optimizer_slots<O, vec> slots;
    for (std::size_t s = 0; s < slots.size(); ++s) slots[s] = load(stores.slots[s] + i);
    how.update(value, vec(load(stores.gradients + i) * scale), speed, slots);
    store(stores.values + i, value);
    for (std::size_t s = 0; s < slots.size(); ++s) store(stores.slots[s] + i, slots[s]);
    if (stores.averages) {
      const vec average = load(stores.averages + i);
      store(stores.averages + i, average - (average - value) * toward);
    }
  }
}

}  // namespace detail

/// One update. Gradients are left regularized and multiplied, but not clipped. Frozen pieces keep their values, slots
/// and averages, and do not count in the norm.
template <optimizer O>
update_report update(thread_pool& pool, const O& how, optimizer_scalars<O>& scalars, const update_options& options,
                     float learning_rate, update_plan& plan, const update_stores& stores) {
  static_assert(16 % lanes == 0, "a variable's padding has to hold whole vectors");
  const int pieces = static_cast<int>(plan.pieces.size());
  pool.run(pieces, [&](int i, int) {
    const auto n = static_cast<std::size_t>(i);
    const update_piece& piece = plan.pieces[n];
    detail::regularize_piece(piece, options.regularize, stores.values + piece.offset, stores.gradients + piece.offset,
                             plan.squares[n], plan.penalties[n]);
  });
  update_report report;
  double squares = 0;
  for (const double s : plan.squares) squares += s;
  for (const double p : plan.penalties) report.regularization_loss += p;
  report.gradient_norm = std::sqrt(squares);
  report.finite = std::isfinite(report.gradient_norm);
  if (!report.finite) return report;

  const auto norm = static_cast<float>(report.gradient_norm);
  const float clip = options.clip_norm > 0 && norm > options.clip_norm ? options.clip_norm / norm : 1.0f;
  const float rate = how.rate(learning_rate, scalars);
  const float average_rate = 1.0f - options.average_decay;
  pool.run(pieces, [&](int i, int) {
    const update_piece& piece = plan.pieces[static_cast<std::size_t>(i)];
    if (piece.trainable) detail::update_piece_of(how, piece, rate, clip, average_rate, stores);
  });
  how.advance(scalars);
  return report;
}

/// What the regularizers cost, without changing anything.
inline double regularization_loss(thread_pool& pool, update_plan& plan, const float* values) {
  pool.run(static_cast<int>(plan.pieces.size()), [&](int i, int) {
    const auto n = static_cast<std::size_t>(i);
    const update_piece& piece = plan.pieces[n];
    double cost = 0;
    for (std::int64_t k = piece.offset; k < piece.offset + piece.size; ++k)
      cost += piece.penalty.kind == penalty_kind::l1 ? std::abs(static_cast<double>(values[k]))
                                                     : 0.5 * static_cast<double>(values[k]) * values[k];
    plan.penalties[n] = piece.penalty.kind == penalty_kind::none ? 0 : static_cast<double>(piece.penalty.weight) * cost;
  });
  double total = 0;
  for (const double p : plan.penalties) total += p;
  return total;
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
