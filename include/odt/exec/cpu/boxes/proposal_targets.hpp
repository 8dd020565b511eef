// SPDX-License-Identifier: MIT
// What a second stage is trained with: a sample of the proposals, and what each of them is to predict. Boxes are
// compared in pixels of the network's input.
#pragma once

#include <odt/core/image.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/balanced_sampler.hpp>
#include <odt/exec/cpu/boxes/assign.hpp>
#include <odt/exec/cpu/boxes/proposals.hpp>
#include <odt/exec/cpu/boxes/sampling.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/two_stage_elements.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Writes the ground truth's boxes in pixels, where `out` has room for all of its capacity, and gives a view of them.
inline ground_truth in_pixels(const ground_truth& truth, size2 input, boxf* out) {
  for (std::ptrdiff_t i = 0; i < std::ptrdiff_t{1} * truth.size * truth.max_boxes; ++i)
    out[i] = odt::in_pixels(truth.boxes[i], input);
  ground_truth moved = truth;
  moved.boxes = out;
  return moved;
}

/// Each thread's memory for what follows, planned once.
class proposal_target_workspace {
 public:
  /// For at most `proposals` proposals and `max_boxes` boxes an image. `keep_similarities`: as for assign_workspace.
  proposal_target_workspace(int proposals, int max_boxes, int threads, bool keep_similarities = false) {
    const std::vector<boxf> most(static_cast<std::size_t>(proposals), boxf{0, 0, 0, 0});
    for (int i = 0; i < threads; ++i)
      threads_.push_back({assign_workspace(most, max_boxes, 1, keep_similarities), sampling_workspace(proposals),
                          std::vector<int>(most.size())});
  }

  struct memory {
    assign_workspace assignment;
    sampling_workspace sampling;
    std::vector<int> match;
  };

  memory& of(int thread) { return threads_[static_cast<std::size_t>(thread)]; }

 private:
  std::vector<memory> threads_;
};

namespace detail {

inline truth_of_image truth_of(const ground_truth& truth, std::size_t image) {
  const std::size_t first = image * static_cast<std::size_t>(truth.max_boxes);
  return {{truth.boxes + first, static_cast<std::size_t>(truth.counts[image])},
          truth.classes + first,
          truth.weights + first};
}

/// Matches boxes of one image that are no grid's.
template <similarity Similarity, matcher Matcher>
void match_boxes(const Similarity& similarity_of, const Matcher& matches, const truth_of_image& truth,
                 std::span<const boxf> boxes, assign_workspace& space, std::span<int> match) {
  std::ranges::fill(match, unmatched);
  if (truth.boxes.empty() || boxes.empty()) return;
  space.replace(boxes);
  match_image(similarity_of, matches, truth, space, space.of(0), match);
}

}  // namespace detail

/// Keeps of the proposals of every image what the sampler takes, in their order. Image i's random numbers are those of
/// sample `first_sample` + i of the run. `out` has room for how.size proposals an image.
template <similarity Similarity, matcher Matcher>
void sample_proposals(thread_pool& pool, const Similarity& similarity_of, const Matcher& matches,
                      const balanced_sampler& how, std::uint64_t seed, std::uint64_t first_sample,
                      const ground_truth& truth, size2 input, const proposals& in, proposal_target_workspace& space,
                      const proposals& out) {
  pool.run(in.batch, [&](int i, int thread) {
    const auto image = static_cast<std::size_t>(i);
    auto& mine = space.of(thread);
    const std::size_t first = image * static_cast<std::size_t>(in.capacity);
    const auto count = static_cast<std::size_t>(in.counts[image]);
    const std::span<int> match = std::span(mine.match).first(count);
    const detail::truth_of_image own = detail::truth_of(truth, image);
    detail::match_boxes(similarity_of, matches, own, {in.boxes + first, count}, mine.assignment, match);
    const auto kind = [&](int p) { return proposal_candidate(match[static_cast<std::size_t>(p)], own.weights); };
    int taken = 0;
    for (const int p :
         sample(how, {seed, first_sample + image, second_stage_sampling}, in.counts[image], kind, mine.sampling)) {
      const std::size_t at = first + static_cast<std::size_t>(p);
      detail::put_proposal(out, image, taken++, in.boxes[at], in.scores[at], input);
    }
    detail::pad_proposals(out, image, taken);
  });
}

/// Fills the targets of a batch's proposals: [batch, in.capacity]. Padding is unmatched, with the weight of background:
/// whoever reads the targets stops at the count.
template <similarity Similarity, matcher Matcher, box_coder BoxCoder>
void assign_proposals(thread_pool& pool, const Similarity& similarity_of, const Matcher& matches, const BoxCoder& coder,
                      const ground_truth& truth, const proposals& in, proposal_target_workspace& space,
                      const assigned_targets& out) {
  const auto capacity = static_cast<std::size_t>(in.capacity);
  pool.run(in.batch, [&](int i, int thread) {
    const auto image = static_cast<std::size_t>(i);
    const std::span<const boxf> boxes(in.boxes + image * capacity, capacity);
    const auto count = static_cast<std::size_t>(in.counts[image]);
    const std::span<int> match(out.match + image * capacity, capacity);
    const detail::truth_of_image own = detail::truth_of(truth, image);
    detail::match_boxes(similarity_of, matches, own, boxes.first(count), space.of(thread).assignment,
                        match.first(count));
    std::ranges::fill(match.subspan(count), unmatched);
    detail::write_targets(coder, own, boxes, 1.0f, image, out);
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
