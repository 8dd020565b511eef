// SPDX-License-Identifier: MIT
// From ground truth to what the losses ask for: compares, matches and encodes in one go, per image. The policies are
// inlined; the results are those of `match` and `encode` element by element, bit for bit.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/core/batch.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/matcher.hpp>
#include <odt/similarity.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// The anchors in the order that vectors want, and each thread's memory. Planned once; `assign` allocates nothing.
class assign_workspace {
 public:
  /// For ground truth of at most `max_boxes` an image. `keep_similarities`: the matcher is an image_matcher.
  assign_workspace(std::span<const boxf> anchors, int max_boxes, int threads, bool keep_similarities = false)
      : max_boxes_(static_cast<std::size_t>(max_boxes)), threads_(static_cast<std::size_t>(threads)) {
    replace(anchors);
    for (memory& m : threads_) {
      m.best.resize(columns_);
      m.row.resize(columns_);
      m.valid.resize(max_boxes_);
      m.favourite.resize(max_boxes_);
      if (keep_similarities) m.similarities.resize(columns_ * max_boxes_);
    }
  }

  /// Other anchors; no more of them than before.
  void replace(std::span<const boxf> anchors) {
    anchors_.assign(anchors.begin(), anchors.end());
    columns_ = padded(anchors.size());
    coordinates_.resize(4 * columns_);
    // Padding repeats the last anchor, which then loses every tie.
    for (std::size_t i = 0; i < columns_ && !anchors.empty(); ++i) {
      const boxf& a = anchors_[std::min(i, anchors.size() - 1)];
      const float values[4] = {a.ymin, a.xmin, a.ymax, a.xmax};
      for (std::size_t k = 0; k < 4; ++k) coordinates_[k * columns_ + i] = values[k];
    }
  }

  /// One thread's.
  struct memory {
    aligned_vector<float> best, row;     // of each column: its largest similarity, the row that has it
    aligned_vector<float> similarities;  // [rows, columns], for image matchers
    std::vector<std::uint8_t> valid;
    std::vector<int> favourite;  // of each row: the column that it resembles most; or an image matcher's scratch
  };

  std::size_t bytes() const {
    std::size_t floats = 4 * anchors_.size() + coordinates_.size();
    for (const memory& m : threads_) floats += m.best.size() + m.row.size() + m.similarities.size();
    return floats * sizeof(float);
  }

  std::span<const boxf> anchors() const { return anchors_; }
  std::size_t columns() const { return columns_; }
  std::size_t max_boxes() const { return max_boxes_; }
  memory& of(int thread) { return threads_[static_cast<std::size_t>(thread)]; }
  box<vec> anchors_at(std::size_t i) const {
    const float* at = coordinates_.data() + i;
    return {load(at), load(at + columns_), load(at + 2 * columns_), load(at + 3 * columns_)};
  }

 private:
  std::vector<boxf> anchors_;
  std::size_t columns_ = 0;
  aligned_vector<float> coordinates_;
  std::size_t max_boxes_;
  std::vector<memory> threads_;
};

namespace detail {

/// The ground truth of one image.
struct truth_of_image {
  std::span<const boxf> boxes;
  const int* classes;
  const float* weights;
};

inline box<vec> broadcast(const boxf& b) { return {vec(b.ymin), vec(b.xmin), vec(b.ymax), vec(b.xmax)}; }

/// The lane that has the largest value, the lowest column of equal ones.
inline int column_of_largest(const vec& values, const vec& columns) {
  alignas(64) float value[lanes], column[lanes];
  values.store_aligned(value);
  columns.store_aligned(column);
  int best = 0;
  for (int i = 1; i < lanes; ++i)
    if (value[i] > value[best] || (value[i] == value[best] && column[i] < column[best])) best = i;
  return static_cast<int>(column[best]);
}

/// Compares one row with all anchors: folds into each column's best row, and returns the row's best column.
template <bool First, class Similarity>
int fold_row(const Similarity& how, const boxf& truth, float row, const assign_workspace& space,
             assign_workspace::memory& mine) {
  const box<vec> mine_box = broadcast(truth);
  vec largest(-std::numeric_limits<float>::infinity()), largest_at(0.0f), columns = iota();
  for (std::size_t i = 0; i < space.columns(); i += lanes) {
    const vec s = how.compare(mine_box, space.anchors_at(i));
    const auto leads = s > largest;
    largest = select(leads, s, largest);
    largest_at = select(leads, columns, largest_at);
    columns += vec(static_cast<float>(lanes));
    float* const best = mine.best.data() + i;
    float* const best_row = mine.row.data() + i;
    if constexpr (First) {
      store(best, s);
      store(best_row, vec(row));
    } else {
      const vec before = load(best);
      const auto better = s > before;
      store(best, select(better, s, before));
      store(best_row, select(better, vec(row), load(best_row)));
    }
  }
  return column_of_largest(largest, largest_at);
}

template <class Similarity, column_matcher Matcher>
void match_image(const Similarity& similarity, const Matcher& matcher, const truth_of_image& truth,
                 const assign_workspace& space, assign_workspace::memory& mine, std::span<int> matches) {
  const std::size_t rows = truth.boxes.size();
  for (std::size_t r = 0; r < rows; ++r)
    mine.favourite[r] = r == 0 ? fold_row<true>(similarity, truth.boxes[r], 0, space, mine)
                               : fold_row<false>(similarity, truth.boxes[r], static_cast<float>(r), space, mine);
  for (std::size_t i = 0; i < space.columns(); i += lanes)
    store(mine.row.data() + i, matcher.decide(load(mine.best.data() + i), load(mine.row.data() + i)));
  for (std::size_t a = 0; a < matches.size(); ++a) matches[a] = static_cast<int>(mine.row[a]);
  if (!matcher.forces_rows()) return;
  for (std::size_t r = rows; r-- > 0;)
    if (truth.weights[r] > 0) matches[static_cast<std::size_t>(mine.favourite[r])] = static_cast<int>(r);
}

template <class Similarity, image_matcher Matcher>
void match_image(const Similarity& similarity, const Matcher& matcher, const truth_of_image& truth,
                 const assign_workspace& space, assign_workspace::memory& mine, std::span<int> matches) {
  const std::size_t rows = truth.boxes.size();
  for (std::size_t r = 0; r < rows; ++r) {
    mine.valid[r] = truth.weights[r] > 0;
    const box<vec> truth_box = broadcast(truth.boxes[r]);
    for (std::size_t i = 0; i < space.columns(); i += lanes)
      store(mine.similarities.data() + r * space.columns() + i, similarity.compare(truth_box, space.anchors_at(i)));
  }
  const similarity_matrix all{mine.similarities.data(), static_cast<int>(rows), static_cast<int>(matches.size()),
                              static_cast<std::ptrdiff_t>(space.columns())};
  const std::size_t scratch = Matcher::scratch(static_cast<int>(rows));
  if (mine.favourite.size() < scratch) mine.favourite.resize(scratch);
  matcher.match(all, std::span(mine.valid).first(rows), matches, std::span(mine.favourite).first(scratch));
}

/// Targets of one image from its matches; `image` is its number.
template <class BoxCoder>
void write_targets(const BoxCoder& coder, const truth_of_image& truth, std::span<const boxf> anchors,
                   float negative_class_weight, std::size_t image, const assigned_targets& out) {
  constexpr std::size_t code_size = BoxCoder::code_size;
  const std::size_t begin = image * anchors.size();
  std::fill_n(out.regression + begin * code_size, anchors.size() * code_size, 0.0f);
  std::fill_n(out.classes + begin, anchors.size(), 0);
  std::fill_n(out.regression_weights + begin, anchors.size(), 0.0f);
  for (std::size_t at = begin; at < begin + anchors.size(); ++at)
    out.class_weights[at] = out.match[at] == unmatched ? negative_class_weight : 0.0f;
  for (std::size_t a = 0; a < anchors.size(); ++a) {
    const std::size_t at = begin + a;
    const int match = out.match[at];
    if (match < 0) continue;
    const auto row = static_cast<std::size_t>(match);
    out.classes[at] = truth.classes[row] + 1;
    out.class_weights[at] = out.regression_weights[at] = truth.weights[row];
    const auto code = coder.encode(truth.boxes[row], anchors[a]);
    std::copy(code.begin(), code.end(), out.regression + at * code_size);
  }
}

}  // namespace detail

/// Fills the targets of a batch. The workspace was made with the detector's anchors, for at least `truth.max_boxes`
/// boxes an image and `pool.size()` threads (and with `keep_similarities` if the matcher is an image_matcher).
template <similarity Similarity, matcher Matcher, box_coder BoxCoder>
void assign(thread_pool& pool, const Similarity& similarity_of, const Matcher& matches, const BoxCoder& coder,
            const ground_truth& truth, float negative_class_weight, assign_workspace& space,
            const assigned_targets& out) {
  const std::size_t anchors = space.anchors().size();
  pool.run(truth.size, [&](int i, int thread) {
    const auto image_index = static_cast<std::size_t>(i);
    const std::size_t first = image_index * static_cast<std::size_t>(truth.max_boxes);
    const detail::truth_of_image mine{
        {truth.boxes + first, static_cast<std::size_t>(truth.counts[i])}, truth.classes + first, truth.weights + first};
    const std::span<int> matched(out.match + image_index * anchors, anchors);
    if (mine.boxes.empty())
      std::ranges::fill(matched, unmatched);
    else
      detail::match_image(similarity_of, matches, mine, space, space.of(thread), matched);
    detail::write_targets(coder, mine, space.anchors(), negative_class_weight, image_index, out);
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
