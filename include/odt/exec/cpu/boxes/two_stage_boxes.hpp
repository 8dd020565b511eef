// SPDX-License-Identifier: MIT
// The boxes of a two-stage detector's batch: its anchors, what its first stage proposes of them, which of the proposals
// the second stage gets, and what both are trained with. Planned once for a batch and image size.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/exec/anchor_selection.hpp>
#include <odt/exec/cpu/boxes/assign.hpp>
#include <odt/exec/cpu/boxes/box_classifier_loss.hpp>
#include <odt/exec/cpu/boxes/proposal_targets.hpp>
#include <odt/exec/cpu/boxes/proposals.hpp>
#include <odt/exec/cpu/boxes/rpn_loss.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/ssd_targets.hpp>
#include <odt/exec/two_stage_detections.hpp>
#include <odt/faster_rcnn/anchors.hpp>
#include <odt/faster_rcnn/options.hpp>
#include <odt/nn/layer.hpp>
#include <odt/nn/network.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <variant>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Memory for the targets of [batch, boxes].
struct target_memory {
  target_memory(int batch, int boxes, int code_size)
      : match(static_cast<std::size_t>(batch) * static_cast<std::size_t>(boxes)),
        classes(match.size()),
        class_weights(match.size()),
        regression(match.size() * static_cast<std::size_t>(code_size)),
        regression_weights(match.size()) {}

  std::vector<int> match, classes;
  std::vector<float> class_weights, regression, regression_weights;

  std::size_t bytes() const { return (4 * match.size() + regression.size()) * sizeof(float); }

  assigned_targets views() {
    return {match.data(), classes.data(), class_weights.data(), regression.data(), regression_weights.data()};
  }
};

/// Memory for the proposals of a batch.
struct proposal_memory {
  proposal_memory(int batch, int boxes) : batch_(batch), capacity_(boxes), counts_(static_cast<std::size_t>(batch)) {
    const std::size_t all = counts_.size() * static_cast<std::size_t>(boxes);
    boxes_.resize(all), normalized_.resize(all), scores_.resize(all);
  }

  proposals views() { return {batch_, capacity_, counts_.data(), boxes_.data(), normalized_.data(), scores_.data()}; }

 private:
  int batch_, capacity_;
  std::vector<int> counts_;
  std::vector<boxf> boxes_, normalized_;
  std::vector<float> scores_;
};

/// Of batches of one size, in one mode.
template <class Axes>
class two_stage_boxes {
  using options = faster_rcnn_options<Axes>;

 public:
  /// The references must outlive the object.
  two_stage_boxes(const options& o, const network& net, thread_pool& pool, std::uint64_t seed, const batch& b,
                  run_mode mode)
      : options_(o),
        pool_(pool),
        seed_(seed),
        size_(b.size),
        image_{b.height, b.width},
        mode_(mode),
        max_boxes_(b.max_boxes),
        anchors_(select_anchors(o, net, image_, mode == run_mode::train)),
        windows_(static_cast<std::size_t>(b.size)),
        truth_(windows_.size() * static_cast<std::size_t>(b.max_boxes)),
        assign_(anchors_.boxes, b.max_boxes, pool.size(), keeps_similarities),
        propose_(anchors_.size(), pool.size()),
        proposed_(b.size, o.loss.first.max_proposals),
        taken_(b.size, o.loss.second_stage_proposals(samples_proposals())),
        match_(o.loss.first.max_proposals, b.max_boxes, pool.size(), keeps_similarities),
        first_targets_(b.size, anchors_.size(), code_size()),
        second_targets_(b.size, taken_.views().capacity, code_size()),
        sampled_counts_(windows_.size()),
        sampled_(windows_.size() * static_cast<std::size_t>(o.loss.first.sampler.size)),
        first_loss_(b.size, anchors_.size(), pool.size()),
        second_loss_(b.size, taken_.views().capacity, o.num_classes, pool.size()) {}

  bool suits(const batch& b, run_mode mode) const {
    return b.size == size_ && size2{b.height, b.width} == image_ && mode == mode_ && b.max_boxes <= max_boxes_;
  }

  /// Takes the ground truth of a batch, whose arrays have to live until the next one.
  void begin(const batch& b) {
    for (std::size_t i = 0; i < windows_.size(); ++i) windows_[i] = window_in_pixels(b, i);
    truth_of_batch_ = in_pixels(b.truth(), image_, truth_.data());
    first_sample_ = b.first_sample;
  }

  /// Proposes boxes; gives those that the second stage looks at.
  proposals propose(const rpn_predictions& p) {
    const proposals all = proposed_.views();
    std::visit(
        [&](const auto& coder) {
          cpu::propose(pool_, coder, anchors_, options_.loss.first, p, image_, windows_, propose_, all);
        },
        options_.box_coder);
    const proposals taken = taken_.views();
    if (!samples_proposals()) {
      copy(all, taken);
      return taken;
    }
    std::visit(
        [&](const auto& compare) {
          sample_proposals(pool_, compare, options_.detection_matcher, options_.loss.second.sampler, seed_,
                           first_sample_, truth_of_batch_, image_, all, match_, taken);
        },
        options_.similarity);
    return taken;
  }

  /// The targets of the anchors, and which of them the first stage's losses look at.
  void assign_first() {
    std::visit(
        [&](const auto& compare, const auto& coder) {
          assign(pool_, compare, options_.proposal_matcher, coder, truth_of_batch_, 1.0f, assign_,
                 first_targets_.views());
        },
        options_.similarity, options_.box_coder);
    sample_anchors(pool_, options_.loss.first.sampler, seed_, first_sample_, anchors_.size(), first_targets_.views(),
                   first_loss_, sampled());
  }

  /// The targets of the second stage's boxes.
  void assign_second() {
    std::visit(
        [&](const auto& compare, const auto& coder) {
          assign_proposals(pool_, compare, options_.detection_matcher, coder, truth_of_batch_, taken_.views(), match_,
                           second_targets_.views());
        },
        options_.similarity, options_.box_coder);
  }

  /// Of what grows with the image.
  std::size_t bytes() const {
    std::size_t sum = anchors_.boxes.size() * (sizeof(boxf) + sizeof(int)) + assign_.bytes() + propose_.bytes() +
                      first_targets_.bytes();
    for (const sampling_workspace& s : first_loss_.sampling) sum += s.bytes();
    return sum;
  }

  const anchor_selection& anchors() const { return anchors_; }
  /// The true images within the network's inputs, in pixels.
  std::span<const boxf> windows() const { return windows_; }
  size2 image() const { return image_; }
  proposals all_proposals() { return proposed_.views(); }
  proposals taken() { return taken_.views(); }
  samples sampled() { return {size_, options_.loss.first.sampler.size, sampled_counts_.data(), sampled_.data()}; }
  assigned_targets first_targets() { return first_targets_.views(); }
  assigned_targets second_targets() { return second_targets_.views(); }
  rpn_loss_workspace& first_loss() { return first_loss_; }
  box_classifier_loss_workspace& second_loss() { return second_loss_; }

 private:
  static constexpr bool keeps_similarities = !column_matcher<typename Axes::matcher>;

  int code_size() const {
    return std::visit([](const auto& c) { return static_cast<int>(std::remove_cvref_t<decltype(c)>::code_size); },
                      options_.box_coder);
  }
  bool samples_proposals() const { return mode_ == run_mode::train && !options_.loss.second.miner; }

  static void copy(const proposals& from, const proposals& to) {
    for (int i = 0; i < from.batch; ++i) {
      const std::size_t source = static_cast<std::size_t>(i) * static_cast<std::size_t>(from.capacity),
                        target = static_cast<std::size_t>(i) * static_cast<std::size_t>(to.capacity);
      const int count = std::min(from.capacity, to.capacity);
      to.counts[i] = std::min(from.counts[i], to.capacity);
      std::copy_n(from.boxes + source, count, to.boxes + target);
      std::copy_n(from.normalized + source, count, to.normalized + target);
      std::copy_n(from.scores + source, count, to.scores + target);
    }
  }

  const options& options_;
  thread_pool& pool_;
  std::uint64_t seed_, first_sample_ = 0;
  int size_;
  size2 image_;
  run_mode mode_;
  int max_boxes_;
  anchor_selection anchors_;
  std::vector<boxf> windows_, truth_;  ///< in pixels
  ground_truth truth_of_batch_;
  assign_workspace assign_;
  proposal_workspace propose_;
  proposal_memory proposed_, taken_;
  proposal_target_workspace match_;
  target_memory first_targets_, second_targets_;
  std::vector<int> sampled_counts_, sampled_;
  rpn_loss_workspace first_loss_;
  box_classifier_loss_workspace second_loss_;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu
