// SPDX-License-Identifier: MIT
// From an SSD's predictions to detections: decode, scores, non-maximum suppression; an image at a time, on as many
// threads as there are.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/calibration.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/boxes/decode.hpp>
#include <odt/exec/cpu/boxes/non_max_suppression.hpp>
#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/exec/ssd_predictions.hpp>
#include <odt/post_processing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail {

/// out[i] = f(in[i]) for any number of elements.
template <class F>
void transform(const float* in, std::size_t count, float* out, float rest, F&& f) {
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) store(out + i, f(load(in + i)));
  const int left = static_cast<int>(count - i);
  if (left > 0) store_part(out + i, f(load_part(in + i, left, rest)), left);
}

inline void softmax_row(const float* in, std::size_t columns, float scale, float* out) {
  const float largest = *std::max_element(in, in + columns);
  vec total(0.0f);
  transform(in, columns, out, -std::numeric_limits<float>::infinity(), [&](const vec& x) {
    const vec e = softmax_term(x, vec(largest), vec(scale));
    total += e;
    return e;
  });
  const vec sum_of_row(sum(total));
  transform(out, columns, out, 0, [&](const vec& e) { return e / sum_of_row; });
}

inline void calibrate(const calibration_view& calibration, std::size_t rows, std::size_t columns, float* scores) {
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c, ++scores) *scores = calibration(*scores, static_cast<int>(c));
}

}  // namespace detail

/// Scores from class logits, both [rows, columns]; the background is a column like the others.
inline void convert_scores(const post_processing_options& options, const float* logits, std::size_t rows,
                           std::size_t columns, float* scores) {
  const vec scale(options.logit_scale);
  switch (options.converter) {
    case score_converter::identity:
      detail::transform(logits, rows * columns, scores, 0, [&](const vec& x) { return x / scale; });
      break;
    case score_converter::sigmoid:
      detail::transform(logits, rows * columns, scores, 0, [&](const vec& x) { return sigmoid_score(x, scale); });
      break;
    case score_converter::softmax:
      for (std::size_t r = 0; r < rows; ++r)
        detail::softmax_row(logits + r * columns, columns, options.logit_scale, scores + r * columns);
  }
  if (options.calibration) detail::calibrate(options.calibration.view(), rows, columns, scores);
}

/// Each thread's memory for post-processing, planned once.
class post_processing_workspace {
 public:
  post_processing_workspace(int anchors, int columns, int threads) : threads_(static_cast<std::size_t>(threads)) {
    for (memory& m : threads_) {
      m.boxes.resize(static_cast<std::size_t>(anchors));
      m.scores.resize(m.boxes.size() * static_cast<std::size_t>(columns));
      m.suppression.reserve(anchors);
    }
  }

  struct memory {
    std::vector<boxf> boxes;
    std::vector<float> scores;
    nms_workspace suppression;
  };

  memory& of(int thread) { return threads_[static_cast<std::size_t>(thread)]; }

 private:
  std::vector<memory> threads_;
};

/// The detections of every image of a batch, best first. Boxes are relative to the image's window if
/// `change_coordinate_frame` is on (the default), so that they fit the image before padding. `windows` are the true
/// image within each padded input, normalized; none: all of it. `out` is replaced.
template <box_coder BoxCoder>
void post_process(thread_pool& pool, const BoxCoder& coder, std::span<const boxf> anchors,
                  const post_processing_options& options, const ssd_predictions& in, std::span<const boxf> windows,
                  post_processing_workspace& space, std::vector<detections>& out) {
  out.resize(static_cast<std::size_t>(in.batch));
  const auto columns = static_cast<std::size_t>(in.class_slots);
  pool.run(in.batch, [&](int i, int thread) {
    const auto number = static_cast<std::size_t>(i);
    auto& mine = space.of(thread);
    decode_boxes(coder, in.encodings + number * anchors.size() * BoxCoder::code_size, anchors, mine.boxes.data());
    convert_scores(options, in.logits + number * anchors.size() * columns, anchors.size(), columns, mine.scores.data());
    const scored_boxes found{mine.boxes.data(), mine.scores.data() + (in.class_slots - in.classes()),
                             static_cast<int>(anchors.size()), in.classes(), in.class_slots};
    const boxf window = windows.empty() ? boxf{0, 0, 1, 1} : windows[number];
    multiclass_non_max_suppression(found, options.suppression, window, mine.suppression, out[number]);
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
