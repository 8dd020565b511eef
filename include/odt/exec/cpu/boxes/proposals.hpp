// SPDX-License-Identifier: MIT
// From a first stage's predictions to proposals: decode, clip, objectness, non-maximum suppression; an image at a time,
// on as many threads as there are (the API's FasterRCNNMetaArch._postprocess_rpn).
#pragma once

#include <odt/box_coder.hpp>
#include <odt/core/image.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/anchor_selection.hpp>
#include <odt/exec/cpu/boxes/decode.hpp>
#include <odt/exec/cpu/boxes/non_max_suppression.hpp>
#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/two_stage_elements.hpp>
#include <odt/faster_rcnn/loss_options.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Each thread's memory for proposing, planned once.
class proposal_workspace {
 public:
  /// For at most `anchors` anchors an image.
  proposal_workspace(int anchors, int threads) : threads_(static_cast<std::size_t>(threads)) {
    for (memory& m : threads_) {
      m.boxes.resize(static_cast<std::size_t>(anchors));
      m.scores.resize(m.boxes.size());
      m.suppression.reserve(anchors);
    }
  }

  struct memory {
    std::vector<boxf> boxes;
    std::vector<float> scores;
    nms_workspace suppression;
  };

  memory& of(int thread) { return threads_[static_cast<std::size_t>(thread)]; }

  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const memory& m : threads_)
      sum += m.boxes.size() * (sizeof(boxf) + sizeof(float)) + m.suppression.keys.capacity() * sizeof(rank_key);
    return sum;
  }

 private:
  std::vector<memory> threads_;
};

namespace detail {

/// Of the anchors with these rows in `logits`, [all anchors, 2].
inline void objectness_scores(const float* logits, std::span<const int> rows, float* scores) {
  for (std::size_t begin = 0; begin < rows.size(); begin += lanes) {
    const std::size_t count = std::min<std::size_t>(lanes, rows.size() - begin);
    alignas(64) float logit[2][lanes] = {}, score[lanes];
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t k = 0; k < 2; ++k) logit[k][i] = logits[2 * rows[begin + i] + static_cast<int>(k)];
    store(score, vec(objectness_score<vec>(load(logit[0]), load(logit[1]))));
    std::copy_n(score, count, scores + begin);
  }
}

/// Appends a proposal to those of an image.
inline void put_proposal(const proposals& out, std::size_t image, int at, const boxf& found, float score, size2 input) {
  const std::size_t to = image * static_cast<std::size_t>(out.capacity) + static_cast<std::size_t>(at);
  out.boxes[to] = found;
  out.normalized[to] = normalized(found, input);
  out.scores[to] = score;
}

/// Zeros behind the count of an image.
inline void pad_proposals(const proposals& out, std::size_t image, int count) {
  const auto capacity = static_cast<std::size_t>(out.capacity), n = static_cast<std::size_t>(count);
  const std::size_t from = image * capacity + n;
  out.counts[image] = count;
  std::fill_n(out.boxes + from, capacity - n, boxf{0, 0, 0, 0});
  std::fill_n(out.normalized + from, capacity - n, boxf{0, 0, 0, 0});
  std::fill_n(out.scores + from, capacity - n, 0.0f);
}

}  // namespace detail

/// Proposes the best boxes of every image of a batch, no more than out.capacity. Anchors, `windows` and out.boxes are
/// in pixels of the network's input, whose size is `input`; the windows are where the true images lie in it.
template <box_coder BoxCoder>
void propose(thread_pool& pool, const BoxCoder& coder, const anchor_selection& anchors, const first_stage_options& o,
             const rpn_predictions& in, size2 input, std::span<const boxf> windows, proposal_workspace& space,
             const proposals& out) {
  const std::size_t kept = anchors.boxes.size();
  pool.run(in.batch, [&](int i, int thread) {
    const auto image = static_cast<std::size_t>(i);
    auto& mine = space.of(thread);
    const std::size_t first = image * static_cast<std::size_t>(in.anchors);
    const float* const codes = in.encodings + first * BoxCoder::code_size;
    decode_boxes(
        coder, [&](std::size_t a) { return codes + anchors.rows[a] * BoxCoder::code_size; }, anchors.boxes,
        mine.boxes.data());
    detail::objectness_scores(in.objectness + 2 * first, anchors.rows, mine.scores.data());
    const std::span<const boxf> boxes(mine.boxes.data(), kept);
    const std::span<const float> scores(mine.scores.data(), kept);
    const int limit = std::min(o.max_proposals, out.capacity);
    int count = 0;
    for (const int a :
         non_max_suppression(boxes, scores, o.nms_iou_threshold, o.nms_score_threshold, limit, mine.suppression)) {
      const boxf clipped = clip(boxes[static_cast<std::size_t>(a)], windows[image]);
      if (!(area(clipped) > 0)) continue;
      detail::put_proposal(out, image, count++, clipped, scores[static_cast<std::size_t>(a)], input);
    }
    detail::pad_proposals(out, image, count);
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
