// SPDX-License-Identifier: MIT
// For other .ipp files of this room: the best of boxes that overlap, in StableHLO. The API's multiclass suppression: a
// loop that takes the best box of every class at once, then a sort over the classes.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/exec/pjrt/traced.hpp>
#include <odt/export/stablehlo_writer.ipp>

#include <algorithm>
#include <array>
#include <limits>

namespace odt::detail::stablehlo {

/// Boxes [batch, rows, 4] as four numbers [batch, 1, rows].
ODT_INLINE box<pjrt::traced> columns_of(pjrt::module_builder& m, const pjrt::tensor& boxes) {
  const std::int64_t images = boxes.shape[0], rows = boxes.shape[1];
  const auto column = [&](std::int64_t i) {
    return pjrt::traced(m, m.reshape(m.slice(boxes, {0, 0, i}, {images, rows, i + 1}), {images, 1, rows}));
  };
  return {column(0), column(1), column(2), column(3)};
}

ODT_INLINE pjrt::tensor rows_of(pjrt::module_builder& m, const box<pjrt::traced>& b) {
  std::array<pjrt::tensor, 4> sides{b.ymin.in(m), b.xmin.in(m), b.ymax.in(m), b.xmax.in(m)};
  for (pjrt::tensor& side : sides) side = m.reshape(side, {side.shape[0], side.shape[2], 1});
  return m.concatenate(sides, 2);
}

ODT_INLINE writer::tensor writer::of_each_image(const tensor& rows) {
  pjrt::extents index = rows.shape;
  index.push_back(1);
  const std::array<tensor, 2> both{module_.iota(index, 0), module_.reshape(rows, index)};
  return module_.concatenate(both, static_cast<int>(index.size()) - 1);
}

ODT_INLINE writer::chosen_boxes writer::choose(const graph_candidates& c, const non_max_suppression_options& o) {
  using pjrt::traced;
  pjrt::module_builder& m = module_;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const traced none(-infinity), zero(0);
  const tensor scores = m.transpose(of(c.scores), {0, 2, 1});  // [batch, classes, rows]
  const std::int64_t images = scores.shape[0], classes = scores.shape[1], rows = scores.shape[2];
  const std::int64_t most = std::min<std::int64_t>(o.max_detections_per_class, rows);
  const box<traced> boxes = upright(columns_of(m, of(c.boxes)));
  const traced row(m, m.iota({1, 1, rows}, 2)), slot(m, m.iota({1, 1, most}, 2));
  const auto fold = [&m](std::string_view operation, const traced& x) {
    return traced(m, m.reduce(operation, x.in(m), {2}));
  };

  enum : std::size_t { number, open, best_scores, best_rows };
  const traced all(m, scores);
  const tensor empty = m.broadcast(m.number(-1), {images, classes, most});
  const std::array<tensor, 4> begin{m.number(0), select(all > traced(o.score_threshold), all, none).in(m), empty,
                                    empty};
  const auto goes_on = [&](std::span<const tensor> now) {
    const tensor best = m.reshape(m.reduce("maximum", now[open], {0, 1, 2}), {});
    return m.binary("and", m.compare("LT", now[number], m.number(static_cast<float>(most))),
                    m.compare("GT", best, m.number(-infinity)));
  };
  const auto step = [&](std::span<const tensor> now) {
    const traced left(m, now[open]), best = fold("maximum", left);
    const pjrt::traced_condition found = best > none;
    const traced first = fold("minimum", select(left == best, row, traced(static_cast<float>(rows))));
    const pjrt::traced_condition taken = row == first;
    const auto side = [&](const traced& of_all) { return fold("add", select(taken, of_all, zero)); };
    const box<traced> own{side(boxes.ymin), side(boxes.xmin), side(boxes.ymax), side(boxes.xmax)};
    const pjrt::traced_condition ends = taken | (iou(own, boxes) > traced(o.iou_threshold));
    const pjrt::traced_condition here = found & (slot == traced(m, now[number]));
    return std::vector<tensor>{m.binary("add", now[number], m.number(1)), select(ends, none, left).in(m),
                               select(here, best, traced(m, now[best_scores])).in(m),
                               select(here, first, traced(m, now[best_rows])).in(m)};
  };
  const std::vector<tensor> end = m.loop(begin, goes_on, step);
  return {end[best_scores], max(traced(m, end[best_rows]), zero).in(m)};
}

ODT_INLINE graph_detections writer::suppress(const graph_candidates& c, const non_max_suppression_options& o) {
  using pjrt::traced;
  if (o.soft())
    fail("batch_non_max_suppression.soft_nms_sigma: ", o.soft_nms_sigma, " cannot be exported to StableHLO");
  if (o.use_class_agnostic_nms)
    fail("batch_non_max_suppression.use_class_agnostic_nms: true cannot be exported to StableHLO");
  if (c.boxes_per_row != 1) refuse_two_stages();
  pjrt::module_builder& m = module_;
  const chosen_boxes chosen = choose(c, o);
  const std::int64_t images = chosen.scores.shape[0], classes = chosen.scores.shape[1],
                     a_class = chosen.scores.shape[2];
  const std::int64_t most = o.max_total_detections;

  // What lies outside of the window has no area within it.
  box<traced> window{traced(0), traced(0), traced(1), traced(1)};
  if (c.window.given()) {
    const auto side = [&](std::int64_t i) { return traced(m, m.reshape(m.slice(of(c.window), {i}, {i + 1}), {})); };
    window = {side(0), side(1), side(2), side(3)};
  }
  box<traced> inside = clip(columns_of(m, of(c.boxes)), window);
  const traced has_area = select(area(inside) > traced(0), traced(1), traced(0));
  if (o.change_coordinate_frame && c.window.given()) inside = change_coordinate_frame(inside, window);
  const tensor areas = m.reshape(has_area.in(m), {images, of(c.boxes).shape[1]});

  const traced score(m, chosen.scores), kept(m, m.rows(areas, of_each_image(chosen.rows)));
  const tensor ranked = select((kept > traced(0)) & (score >= traced(0)), score, traced(-1)).in(m);
  const tensor labels = m.broadcast(m.iota({1, classes, 1}, 1), chosen.scores.shape);
  std::array<tensor, 3> lists{ranked, chosen.rows, labels};
  for (tensor& list : lists) {
    list = m.reshape(list, {images, classes * a_class});
    const std::int64_t missing = std::max<std::int64_t>(most - classes * a_class, 0);
    list = m.pad(list, {0, 0}, {0, missing}, {}, &list == lists.data() ? -1.0f : 0.0f);
  }
  const std::vector<tensor> sorted = m.sort_descending(lists);
  const auto top = [&](const tensor& list) { return m.slice(list, {0, 0}, {images, most}); };
  const traced best(m, top(sorted[0])), there = select(best >= traced(0), traced(1), traced(0));
  const tensor index = of_each_image(top(sorted[1]));
  const auto taken = [&](const tensor& rows) {
    const tensor mask = m.reshape(there.in(m), {images, most, 1});
    return put(m.binary("multiply", m.rows(rows, index), mask));
  };
  graph_detections found;
  found.boxes = taken(rows_of(m, inside));
  found.scores = put((best * there).in(m));
  found.classes = put((traced(m, top(sorted[2])) * there).in(m));
  found.valid = put(there.in(m));
  found.count = put(m.reshape(m.reduce("add", there.in(m), {1}), {images}));
  if (c.carried.given()) found.carried = taken(of(c.carried));
  return found;
}

}  // namespace odt::detail::stablehlo
