// SPDX-License-Identifier: MIT
// From an SSD's predictions in host memory to its detections, wherever the predictions were made.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/boxes/post_processing.hpp>
#include <odt/ssd/devices.hpp>

#include <memory>
#include <span>
#include <variant>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Keeps its memory from batch to batch.
template <class Axes>
class ssd_detections {
 public:
  /// Both must outlive this.
  ssd_detections(const ssd_options<Axes>& options, thread_pool& pool) : options_(options), pool_(pool) {}

  std::vector<detections> operator()(const batch& b, const ssd_predictions& p, std::span<const boxf> anchors) {
    if (!space_ || p.anchors > anchors_) {
      space_ = std::make_unique<post_processing_workspace>(p.anchors, p.class_slots, pool_.size());
      anchors_ = p.anchors;
    }
    std::vector<boxf> windows;
    for (int i = 0; i < b.size; ++i) windows.push_back(b.window(static_cast<std::size_t>(i)));
    std::vector<detections> found;
    std::visit(
        [&](const auto& coder) {
          post_process(pool_, coder, anchors, options_.post_processing, p, windows, *space_, found);
        },
        options_.box_coder);
    return found;
  }

 private:
  const ssd_options<Axes>& options_;
  thread_pool& pool_;
  std::unique_ptr<post_processing_workspace> space_;
  int anchors_ = 0;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu

namespace odt {

template <class Axes>
ssd_post_processing make_host_post_processing(const ssd_options<Axes>& options, const run_options& run) {
  struct tail {
    tail(const ssd_options<Axes>& o, int threads) : pool(threads), detect(o, pool) {}
    thread_pool pool;
    cpu::ssd_detections<Axes> detect;
  };
  return [mine = std::make_shared<tail>(options, run.threads)](const batch& b, const ssd_predictions& p,
                                                               std::span<const boxf> anchors) {
    return mine->detect(b, p, anchors);
  };
}

}  // namespace odt
