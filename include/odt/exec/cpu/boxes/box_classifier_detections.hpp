// SPDX-License-Identifier: MIT
// From a second stage's predictions to detections: scores, decoding against the proposals, non-maximum suppression by
// class; an image at a time, on as many threads as there are (the API's
// FasterRCNNMetaArch._postprocess_box_classifier).
#pragma once

#include <odt/box_coder.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/boxes/non_max_suppression.hpp>
#include <odt/exec/cpu/boxes/post_processing.hpp>
#include <odt/exec/cpu/boxes/suppressors.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/post_processing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Each thread's memory for finding an image's objects, planned once.
class box_classifier_detection_workspace {
 public:
  /// For at most `proposals` proposals an image.
  box_classifier_detection_workspace(int proposals, int classes, int threads)
      : threads_(static_cast<std::size_t>(threads)) {
    const auto n = static_cast<std::size_t>(proposals), c = static_cast<std::size_t>(classes);
    const std::size_t blocks = c * static_cast<std::size_t>(padded(proposals) / lanes);
    for (memory& m : threads_) {
      m.scores.resize(n * (c + 1));
      m.candidates.reserve(n * c);
      m.blocks.resize(blocks * detail::suppressor_blocks::rows * lanes);
      m.next_blocks.resize(blocks);
      m.chains.resize(c);
      m.selected.resize(c);
    }
  }

  struct memory {
    std::vector<float> scores;         // [proposals, 1 + classes]
    std::vector<rank_key> candidates;  // by class, then proposal
    std::vector<float> blocks;         // of selected boxes
    std::vector<int> next_blocks;
    std::vector<detail::suppressor_blocks::chain> chains;  // by class
    std::vector<int> selected;                             // by class: how many
    std::vector<boxf> boxes;                               // all decoded boxes, where these are wanted
    nms_workspace suppression;
  };

  memory& of(int thread) { return threads_[static_cast<std::size_t>(thread)]; }

 private:
  std::vector<memory> threads_;
};

namespace detail {

/// What finds the objects of one image.
template <box_coder BoxCoder>
struct image_detections {
  const BoxCoder& coder;
  const non_max_suppression_options& options;
  const box_classifier_predictions& in;
  std::span<const boxf> boxes;  // proposals
  const float* encodings;
  boxf window;
  box_classifier_detection_workspace::memory& mine;

  using memory = box_classifier_detection_workspace::memory;

  boxf decode(std::size_t proposal, std::size_t label) const {
    const auto slots = static_cast<std::size_t>(in.box_slots());
    const float* const from = encodings + (proposal * slots + (in.shared_boxes ? 0 : label)) * BoxCoder::code_size;
    box_code<BoxCoder, float> code;
    std::copy_n(from, code.size(), code.begin());
    return coder.decode(code, boxes[proposal]);
  }

  /// All scores above the threshold, as ranks of class * proposals + proposal: where scores are equal, that is the
  /// order in which suppression by class and then merging would leave them.
  void collect() {
    const auto classes = static_cast<std::size_t>(in.classes);
    mine.candidates.clear();
    for (std::size_t p = 0; p < boxes.size(); ++p) {
      const float* const scores = mine.scores.data() + p * (classes + 1) + 1;
      for (std::size_t c = 0; c < classes; ++c)
        if (scores[c] > options.score_threshold)
          mine.candidates.push_back(rank_of(scores[c], static_cast<std::uint32_t>(c * boxes.size() + p)));
    }
  }

  /// Goes down the scores of all classes together, and ends with the last detection that counts: what is below is
  /// neither decoded nor compared.
  void run(detections& out) {
    collect();
    std::ranges::fill(mine.chains, suppressor_blocks::chain{});
    std::ranges::fill(mine.selected, 0);
    suppressor_blocks chosen(mine.blocks.data(), mine.next_blocks.data());
    const auto limit = static_cast<std::size_t>(std::max(options.max_total_detections, 0));
    const auto end = mine.candidates.end();
    auto piece = static_cast<std::ptrdiff_t>(std::max<std::size_t>(256, 2 * limit));
    for (auto from = mine.candidates.begin(); from != end && out.size() < limit; piece *= 2) {
      const auto to = end - from > piece ? from + piece : end;
      if (to != end) std::nth_element(from, to, end);
      std::sort(from, to);
      for (; from != to && out.size() < limit; ++from) consider(ranked_index(*from), chosen, out);
    }
  }

  void consider(std::size_t candidate, suppressor_blocks& chosen, detections& out) {
    const std::size_t label = candidate / boxes.size(), proposal = candidate % boxes.size();
    int& selected = mine.selected[label];
    if (selected == options.max_detections_per_class) return;
    const boxf decoded = decode(proposal, label), b = upright(decoded);
    auto& chain = mine.chains[label];
    if (area(b) > 0) {
      if (chosen.reach(chain, {b, options.iou_threshold})) return;
      chosen.add(chain, b);
    }
    ++selected;
    const boxf clipped = clip(decoded, window);
    const float score = mine.scores[proposal * (static_cast<std::size_t>(in.classes) + 1) + 1 + label];
    if (!(area(clipped) > 0) || score < 0) return;
    out.push_back(
        {change_coordinate_frame(clipped, window), static_cast<int>(label), score, static_cast<int>(proposal)});
  }

  /// With every box decoded: for what is not plain suppression by class.
  void run_all(detections& out) {
    const auto slots = static_cast<std::size_t>(in.box_slots());
    mine.boxes.resize(boxes.size() * slots);
    for (std::size_t i = 0; i < mine.boxes.size(); ++i) mine.boxes[i] = decode(i / slots, i % slots);
    non_max_suppression_options o = options;
    o.change_coordinate_frame = true;
    multiclass_non_max_suppression({mine.boxes.data(), mine.scores.data() + 1, static_cast<int>(boxes.size()),
                                    in.classes, in.class_slots(), in.box_slots()},
                                   o, window, mine.suppression, out);
  }
};

}  // namespace detail

/// The detections of every image of a batch, best first, relative to the image's window, so that they fit the image
/// before padding. Proposals and `windows`, the true image within each padded input, are in pixels. A detection's
/// anchor is its proposal. `out` is replaced.
template <box_coder BoxCoder>
void post_process(thread_pool& pool, const BoxCoder& coder, const post_processing_options& options,
                  const box_classifier_predictions& in, const proposals& boxes, std::span<const boxf> windows,
                  box_classifier_detection_workspace& space, std::vector<detections>& out) {
  out.resize(static_cast<std::size_t>(in.batch));
  pool.run(in.batch, [&](int i, int thread) {
    const auto image = static_cast<std::size_t>(i);
    const std::size_t first = image * static_cast<std::size_t>(in.proposals);
    const auto count = static_cast<std::size_t>(boxes.counts[image]),
               columns = static_cast<std::size_t>(in.class_slots());
    auto& mine = space.of(thread);
    convert_scores(options, in.logits + first * columns, count, columns, mine.scores.data());
    const float* const encodings =
        in.encodings + first * static_cast<std::size_t>(in.box_slots()) * BoxCoder::code_size;
    detail::image_detections<BoxCoder> finder{coder,     options.suppression, in,  {boxes.boxes + first, count},
                                              encodings, windows[image],      mine};
    out[image].clear();
    if (options.suppression.soft() || options.suppression.use_class_agnostic_nms)
      finder.run_all(out[image]);
    else
      finder.run(out[image]);
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
