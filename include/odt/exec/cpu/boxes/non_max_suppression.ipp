// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/boxes/non_max_suppression.hpp>
#include <odt/exec/cpu/boxes/suppressors.hpp>
#include <odt/exec/cpu/machine/simd.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::nms {

inline void collect_keys(std::span<const float> scores, float threshold, std::vector<rank_key>& keys) {
  keys.clear();
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (scores[i] > threshold) keys.push_back(rank_of(scores[i], static_cast<std::uint32_t>(i)));
}

/// The selected boxes that have an area. An overlap above the threshold bounds how far two areas lie apart: where that
/// bound is narrow, blocks are chained by area, and a candidate meets three chains only.
class suppressors {
 public:
  /// For overlaps above `threshold`; with 0, all boxes lie in one chain.
  suppressors(nms_workspace& space, float threshold)
      : values_(space.suppressors.data()),
        blocks_(space.suppressors.data(), space.next_blocks.data()),
        scale_(chains_by_area(threshold)) {}

  std::size_t size() const { return count_; }

  void add(const boxf& b) {
    blocks_.add(chains_[static_cast<std::size_t>(chain_of(area(b)))], b);
    ++count_;
  }

  /// Whether any of them overlaps the box by more than the threshold.
  bool suppress(const boxf& b, float threshold) const {
    const suppressor_blocks::candidate candidate(b, threshold);
    if (scale_ == 0) {
      for (int i = 0; i < blocks_.used(); ++i)
        if (blocks_.reach(i, candidate)) return true;
      return false;
    }
    const int chain = chain_of(area(b));
    for (const int neighbour : {chain, chain + chains - 1, chain + 1})
      if (blocks_.reach(chains_[static_cast<std::size_t>(neighbour % chains)], candidate)) return true;
    return false;
  }

  /// IoU of the box with suppressor i of the only chain.
  float overlap(const boxf& b, std::size_t i) const {
    const float* from = values_ + i / lanes * rows * lanes + i % lanes;
    const boxf other{from[0], from[lanes], from[2 * lanes], from[3 * lanes]};
    const float shared = intersection(other, b);
    return shared / (from[4 * lanes] + area(b) - shared);
  }

  /// Blocks that `count` boxes may take.
  static std::size_t most_blocks(std::size_t count) { return std::min(count, chains + count / lanes); }

  static constexpr int rows = suppressor_blocks::rows;

 private:
  static constexpr int chains = 128;

  /// Chains for each power of two; 0: only one. Between areas whose ratio is the threshold lie at most
  /// 1.387 log2(1 / threshold) of what `chain_of` takes for a logarithm; the chains are a little wider than that.
  static float chains_by_area(float threshold) {
    return threshold > 0.8f ? 1 / (1e-3f - 1.45f * std::log2(std::min(threshold, 1.0f))) : 0;
  }

  /// From the bits of a float, read as a number: a logarithm that is linear between powers of two.
  int chain_of(float area) const {
    if (scale_ == 0) return 0;
    const auto logarithm = static_cast<float>(std::bit_cast<std::int32_t>(area)) * 0x1p-23f;
    return static_cast<int>(logarithm * scale_) % chains;
  }

  const float* values_;
  suppressor_blocks blocks_;
  float scale_;
  std::size_t count_ = 0;
  std::array<suppressor_blocks::chain, chains> chains_{};
};

inline nms_selection suppress(std::span<const boxf> boxes, std::span<const float> scores, int max_output,
                              const non_max_suppression_options& o, nms_workspace& space) {
  if (o.soft()) return soft_non_max_suppression(boxes, scores, o.score_threshold, o.soft_nms_sigma, max_output, space);
  const auto indices = non_max_suppression(boxes, scores, o.iou_threshold, o.score_threshold, max_output, space);
  space.selected_scores.clear();
  for (const int i : indices) space.selected_scores.push_back(scores[static_cast<std::size_t>(i)]);
  return {indices, space.selected_scores};
}

/// Selected boxes of all classes, until they are merged.
inline void append(const nms_selection& selection, int label, nms_workspace& space, detections& out) {
  for (std::size_t i = 0; i < selection.indices.size(); ++i) {
    const auto index = static_cast<std::size_t>(selection.indices[i]);
    out.push_back({space.class_boxes[index], label, selection.scores[i], selection.indices[i]});
  }
}

inline void select_per_class(const scored_boxes& in, const non_max_suppression_options& o, nms_workspace& space,
                             detections& out) {
  const auto count = static_cast<std::size_t>(in.count);
  if (in.boxes_per_row == 1) space.class_boxes.assign(in.boxes, in.boxes + count);
  for (int label = 0; label < in.classes; ++label) {
    for (std::size_t i = 0; i < count; ++i)
      space.class_scores[i] = in.scores[static_cast<std::ptrdiff_t>(i) * in.score_stride + label];
    if (in.boxes_per_row > 1) {
      space.class_boxes.clear();
      for (std::size_t i = 0; i < count; ++i)
        space.class_boxes.push_back(
            in.boxes[i * static_cast<std::size_t>(in.boxes_per_row) + static_cast<std::size_t>(label)]);
    }
    append(
        suppress(space.class_boxes, std::span(space.class_scores).first(count), o.max_detections_per_class, o, space),
        label, space, out);
  }
}

inline void select_across_classes(const scored_boxes& in, const non_max_suppression_options& o, nms_workspace& space,
                                  detections& out) {
  const auto count = static_cast<std::size_t>(in.count);
  space.class_boxes.clear();
  space.labels.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const float* scores = in.scores + static_cast<std::ptrdiff_t>(i) * in.score_stride;
    const auto best = static_cast<std::size_t>(std::max_element(scores, scores + in.classes) - scores);
    space.class_scores[i] = scores[best];
    space.labels.push_back(static_cast<int>(best));
    space.class_boxes.push_back(
        in.boxes[i * static_cast<std::size_t>(in.boxes_per_row) + (in.boxes_per_row > 1 ? best : 0)]);
  }
  append(suppress(space.class_boxes, std::span(space.class_scores).first(count), o.max_total_detections, o, space), 0,
         space, out);
  for (detection& d : out) d.label = space.labels[static_cast<std::size_t>(d.anchor)];
}

inline void sort_by_score(detections& found, nms_workspace& space) {
  space.merged.clear();
  for (std::size_t i = 0; i < found.size(); ++i)
    space.merged.push_back(rank_of(found[i].score, static_cast<std::uint32_t>(i)));
  std::ranges::sort(space.merged);
}

}  // namespace detail::nms

ODT_INLINE void nms_workspace::reserve(int boxes) {
  const auto n = static_cast<std::size_t>(boxes);
  if (n <= class_scores.size()) return;
  const std::size_t blocks = detail::nms::suppressors::most_blocks(n);
  suppressors.resize(blocks * detail::nms::suppressors::rows * lanes);
  next_blocks.resize(blocks);
  keys.reserve(n);
  class_scores.resize(n);
  selected_scores.reserve(n);
  class_boxes.reserve(n);
  selected.reserve(n);
  heap.reserve(n);
  labels.reserve(n);
  begun.resize(n);
}

ODT_INLINE std::span<const int> non_max_suppression(std::span<const boxf> boxes, std::span<const float> scores,
                                                    float iou_threshold, float score_threshold, int max_output,
                                                    nms_workspace& space) {
  using namespace detail::nms;
  space.reserve(static_cast<int>(boxes.size()));
  collect_keys(scores, score_threshold, space.keys);
  space.selected.clear();
  suppressors chosen(space, iou_threshold);
  const auto limit = static_cast<std::size_t>(std::max(max_output, 0));
  // The best ones are usually enough: sort in pieces.
  const auto piece = static_cast<std::ptrdiff_t>(std::max<std::size_t>(64, 2 * limit));
  const auto end = space.keys.end();
  for (auto from = space.keys.begin(); from != end && space.selected.size() < limit;) {
    const auto to = end - from > piece ? from + piece : end;
    if (to != end) std::nth_element(from, to, end);
    std::sort(from, to);
    for (; from != to && space.selected.size() < limit; ++from) {
      const boxf b = upright(boxes[ranked_index(*from)]);
      const bool has_area = area(b) > 0;
      if (has_area && chosen.suppress(b, iou_threshold)) continue;
      if (has_area) chosen.add(b);
      space.selected.push_back(static_cast<int>(ranked_index(*from)));
    }
  }
  return space.selected;
}

ODT_INLINE nms_selection soft_non_max_suppression(std::span<const boxf> boxes, std::span<const float> scores,
                                                  float score_threshold, float sigma, int max_output,
                                                  nms_workspace& space) {
  using namespace detail::nms;
  space.reserve(static_cast<int>(boxes.size()));
  space.selected.clear();
  space.selected_scores.clear();
  std::ranges::fill(space.begun, 0);
  auto& heap = space.heap;
  heap.clear();
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (scores[i] > score_threshold) heap.push_back({scores[i], static_cast<int>(i)});
  std::make_heap(heap.begin(), heap.end());
  suppressors chosen(space, 0);
  const float scale = -0.5f / sigma;
  while (!heap.empty() && space.selected.size() < static_cast<std::size_t>(std::max(max_output, 0))) {
    std::pop_heap(heap.begin(), heap.end());
    nms_workspace::waiting next = heap.back();
    heap.pop_back();
    const auto index = static_cast<std::size_t>(next.index);
    const boxf b = upright(boxes[index]);
    const float before = next.score;
    const auto begun = static_cast<std::size_t>(space.begun[index]);
    for (std::size_t i = chosen.size(); area(b) > 0 && i-- > begun && next.score > score_threshold;) {
      const float overlap = chosen.overlap(b, i);
      next.score *= std::exp(scale * overlap * overlap);
    }
    space.begun[index] = static_cast<int>(chosen.size());
    if (next.score == before) {
      space.selected.push_back(next.index);
      space.selected_scores.push_back(next.score);
      if (area(b) > 0) chosen.add(b);
    } else if (next.score > score_threshold) {
      heap.push_back(next);
      std::push_heap(heap.begin(), heap.end());
    }
  }
  return {space.selected, space.selected_scores};
}

ODT_INLINE void multiclass_non_max_suppression(const scored_boxes& in, const non_max_suppression_options& o,
                                               const std::optional<boxf>& window, nms_workspace& space,
                                               detections& out) {
  using namespace detail::nms;
  space.reserve(in.count);
  out.clear();
  if (o.use_class_agnostic_nms)
    select_across_classes(in, o, space, out);
  else
    select_per_class(in, o, space, out);
  sort_by_score(out, space);
  const auto limit = static_cast<std::size_t>(std::max(o.max_total_detections, 0));
  detections& best = space.best;
  best.clear();
  for (const rank_key k : space.merged) {
    if (best.size() == limit) break;
    detection d = out[ranked_index(k)];
    if (window) {
      d.bounds = clip(d.bounds, *window);
      if (!(area(d.bounds) > 0) || d.score < 0) continue;
      if (o.change_coordinate_frame) d.bounds = change_coordinate_frame(d.bounds, *window);
    }
    best.push_back(d);
  }
  out.assign(best.begin(), best.end());
}

ODT_INLINE boxf enclosing_window(std::span<const boxf> boxes) {
  if (boxes.empty()) return {0, 0, 0, 0};
  boxf window = boxes[0];
  for (const boxf& b : boxes)
    window = {std::min(window.ymin, b.ymin), std::min(window.xmin, b.xmin), std::max(window.ymax, b.ymax),
              std::max(window.xmax, b.xmax)};
  return window;
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
