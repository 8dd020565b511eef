// SPDX-License-Identifier: MIT
// From ground truth to what an SSD's losses ask for, as operations of a module: every box is compared with every
// anchor at once, and what is picked by number is picked by comparing with all numbers, as suits a TPU.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/core/box.hpp>
#include <odt/exec/pjrt/traced.hpp>
#include <odt/matcher.hpp>
#include <odt/similarity.hpp>

#include <array>
#include <limits>
#include <span>
#include <vector>

namespace odt::pjrt {

/// Ground truth in a module, as `batch` has it.
struct traced_truth {
  tensor boxes;    ///< [batch, rows, 4]
  tensor classes;  ///< [batch, rows], 0-based
  tensor weights;  ///< [batch, rows]
  tensor counts;   ///< [batch, 1]
};

/// See assigned_targets.
struct traced_targets {
  tensor match, classes, class_weights, regression_weights;  ///< [batch, anchors, 1]
  tensor regression;                                         ///< [batch, anchors, code size]
  tensor matched_boxes;                                      ///< how many boxes have an anchor
};

namespace detail {

/// The columns [.., i] of boxes as a box of numbers; `shape` is that of each.
inline box<traced> box_of_columns(module_builder& m, const tensor& boxes, const extents& shape) {
  const auto column = [&](std::int64_t i) {
    extents begin(boxes.shape.size(), 0), end = boxes.shape;
    begin.back() = i, end.back() = i + 1;
    return traced(m, m.reshape(m.slice(boxes, begin, end), shape));
  };
  return {column(0), column(1), column(2), column(3)};
}

/// Anchors as a box of numbers [1, anchors, 1].
inline box<traced> box_of_anchors(module_builder& m, std::span<const boxf> anchors) {
  const auto column = [&](float boxf::*side) {
    std::vector<float> values;
    for (const boxf& a : anchors) values.push_back(a.*side);
    return traced(m, m.constant(values, {1, static_cast<std::int64_t>(anchors.size()), 1}));
  };
  return {column(&boxf::ymin), column(&boxf::xmin), column(&boxf::ymax), column(&boxf::xmax)};
}

/// Matching of all anchors with all rows: tensors are [batch, anchors, rows].
class traced_matching {
 public:
  traced_matching(module_builder& m, const traced_truth& truth, std::int64_t anchors)
      : m_(m), rows_(truth.boxes.shape[1]), row_(number_along(2, rows_)), column_(number_along(1, anchors)) {
    counts_ = traced(m, m.reshape(truth.counts, {truth.counts.shape[0], 1, 1}));
    weights_ = traced(m, m.reshape(truth.weights, {truth.counts.shape[0], 1, rows_}));
  }

  /// The match of every anchor, [batch, anchors, 1], as numbers.
  template <column_matcher Matcher>
  traced match(const Matcher& how, const traced& similarity) const {
    const traced known = select(row_ < counts_, similarity, -infinity());
    const traced largest = fold("maximum", known, 2);
    const traced row = fold("minimum", select(known == largest, row_, far()), 2);
    traced match = select(counts_ == traced(0), traced(unmatched), how.decide(largest, row));
    if (!how.forces_rows()) return match;
    const traced best = fold("maximum", known, 1);
    const traced favourite = fold("minimum", select(known == best, column_, far()), 1);
    const traced_condition takes = (row_ < counts_) & (weights_ > traced(0)) & (column_ == favourite);
    const traced forced = fold("minimum", select(takes, row_, far()), 2);
    return select(forced < far(), forced, match);
  }

  /// Where an anchor stands for a row.
  traced_condition chosen(const traced& match) const { return match == row_; }

  /// Of each anchor's row, if it has one, what `of_row` [batch, 1, rows] says; else 0.
  traced pick(const traced_condition& chosen, const traced& of_row) const {
    return fold("add", select(chosen, of_row, traced(0)), 2);
  }

  /// How many rows have an anchor.
  tensor rows_chosen(const traced_condition& chosen) const {
    const traced any = fold("maximum", select(chosen, traced(1), traced(0)), 1);
    return m_.reshape(m_.reduce("add", any.in(m_), {0, 1, 2}), {});
  }

 private:
  static traced infinity() { return traced(std::numeric_limits<float>::infinity()); }
  static traced far() { return traced(std::numeric_limits<float>::max()); }

  traced number_along(std::size_t axis, std::int64_t count) const {
    extents shape(3, 1);
    shape[axis] = count;
    return {m_, m_.iota(shape, static_cast<int>(axis))};
  }
  traced fold(std::string_view operation, const traced& x, int axis) const {
    return {m_, m_.reduce(operation, x.in(m_), {axis})};
  }

  module_builder& m_;
  std::int64_t rows_;
  traced row_, column_, counts_, weights_;
};

}  // namespace detail

/// Writes the targets of a batch; see cpu::assign.
template <similarity Similarity, column_matcher Matcher, box_coder BoxCoder>
traced_targets trace_targets(module_builder& m, const Similarity& similarity_of, const Matcher& matches,
                             const BoxCoder& coder, const traced_truth& truth, std::span<const boxf> anchors,
                             float negative_class_weight) {
  const std::int64_t images = truth.boxes.shape[0], rows = truth.boxes.shape[1];
  const extents by_row{images, 1, rows};
  const box<traced> boxes = detail::box_of_columns(m, truth.boxes, by_row);
  const box<traced> of_anchor = detail::box_of_anchors(m, anchors);
  const detail::traced_matching matching(m, truth, static_cast<std::int64_t>(anchors.size()));
  const traced match = matching.match(matches, similarity_of.compare(boxes, of_anchor));
  const traced_condition chosen = matching.chosen(match);
  const auto pick = [&](const traced& of_row) { return matching.pick(chosen, of_row); };
  const traced_condition positive = match >= traced(0);

  traced_targets t;
  t.match = match.in(m);
  const traced weight = pick(traced(m, m.reshape(truth.weights, by_row)));
  t.regression_weights = weight.in(m);
  t.classes = select(positive, pick(traced(m, m.reshape(truth.classes, by_row))) + traced(1), traced(0)).in(m);
  const traced background = select(match == traced(unmatched), traced(negative_class_weight), traced(0));
  t.class_weights = select(positive, weight, background).in(m);
  const box<traced> own{pick(boxes.ymin), pick(boxes.xmin), pick(boxes.ymax), pick(boxes.xmax)};
  std::vector<tensor> columns;
  for (const traced& c : coder.encode(own, of_anchor)) columns.push_back(select(positive, c, traced(0)).in(m));
  t.regression = m.concatenate(columns, 2);
  t.matched_boxes = matching.rows_chosen(chosen);
  return t;
}

}  // namespace odt::pjrt
