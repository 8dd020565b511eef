// SPDX-License-Identifier: MIT
// The last part of a two-stage detector's work, and the same for predictions that another device made.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/boxes/box_classifier_detections.hpp>
#include <odt/faster_rcnn/devices.hpp>
#include <odt/faster_rcnn/options.hpp>

#include <memory>
#include <span>
#include <variant>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Post-processing with its memory, which grows to the most proposals that it sees.
template <class Axes>
class two_stage_detections {
 public:
  /// The references must outlive the object.
  two_stage_detections(const faster_rcnn_options<Axes>& options, thread_pool& pool) : options_(options), pool_(pool) {}

  /// Proposals and `windows` are in pixels; `out` is replaced.
  void operator()(const box_classifier_predictions& p, const proposals& boxes, std::span<const boxf> windows,
                  std::vector<detections>& out) {
    if (!space_ || p.proposals > proposals_) {
      space_ = std::make_unique<box_classifier_detection_workspace>(p.proposals, p.classes, pool_.size());
      proposals_ = p.proposals;
    }
    std::visit(
        [&](const auto& coder) {
          post_process(pool_, coder, options_.post_processing, p, boxes, windows, *space_, out);
        },
        options_.box_coder);
  }

 private:
  const faster_rcnn_options<Axes>& options_;
  thread_pool& pool_;
  std::unique_ptr<box_classifier_detection_workspace> space_;
  int proposals_ = 0;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu

namespace odt {

template <class Axes>
box_classifier_post_processing make_faster_rcnn_post_processing(const faster_rcnn_options<Axes>& options,
                                                                const run_options& run) {
  struct tail {
    tail(const faster_rcnn_options<Axes>& o, int threads) : pool(threads), detect(o, pool) {}
    thread_pool pool;
    cpu::two_stage_detections<Axes> detect;
  };
  return [mine = std::make_shared<tail>(options, run.threads)](const box_classifier_predictions& p,
                                                               const proposals& boxes, std::span<const boxf> windows) {
    std::vector<detections> found;
    mine->detect(p, boxes, windows, found);
    return found;
  };
}

}  // namespace odt
