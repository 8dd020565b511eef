// SPDX-License-Identifier: MIT
// What an SSD's steps need of a GPU's memory beside what every detector's do: anchors by the size of the images;
// targets, scratch memory and detections for all of them.
#pragma once

#include <odt/exec/cuda/boxes/assign.cuh>
#include <odt/exec/cuda/boxes/post_processing.cuh>
#include <odt/exec/cuda/boxes/ssd_loss.cuh>
#include <odt/exec/cuda/boxes/targets.hpp>
#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/recently_used.hpp>
#include <odt/exec/step.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/shapes.hpp>
#include <odt/ssd/options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace odt::cuda {

/// The anchors of images of one size, normalized.
struct device_anchors {
  int number;  ///< rises from those of one size to the next
  size2 image;
  std::vector<boxf> boxes;
  device_array<boxf> on_device;

  int count() const { return static_cast<int>(boxes.size()); }
  /// In device memory.
  const boxf* data() const { return on_device.data(); }
};

template <class Axes>
class ssd_memory {
 public:
  /// The references must outlive it.
  ssd_memory(const ssd_options<Axes>& options, const network& net)
      : options_(options), net_(net), calibration_(options.post_processing.calibration) {}

  /// Made at first sight.
  const device_anchors& anchors_of(size2 image) {
    if (const auto* found = anchors_.find([image](const device_anchors& a) { return a.image == image; })) return *found;
    const std::vector<size2> maps = feature_map_sizes(net_, image);
    std::vector<boxf> boxes =
        std::visit([&](const auto& generator) { return generator.generate(maps, image); }, options_.anchor_generator);
    device_array<boxf> on_device(boxes.size());
    check(cudaMemcpy(on_device.data(), boxes.data(), on_device.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
    return anchors_.add(
        std::make_unique<device_anchors>(device_anchors{++made_, image, std::move(boxes), std::move(on_device)}));
  }

  /// Sees to anchors, targets, scratch memory and detections for a step.
  void reserve(const batch& b, run_mode mode) {
    const device_anchors& current = anchors_of({b.height, b.width});
    const int anchors = current.count();
    current_ = current.number;
    targets_.reserve({b.size, anchors, code_size()}, generation_);
    reserve_scratch(scratch_bytes(b.size, anchors, b.max_boxes, post_processes(mode)));
    if (post_processes(mode)) detections_.reserve(b.size, lists_of(anchors).total, generation_);
  }

  /// Whether steps of that mode may make detections on the device.
  bool post_processes(run_mode mode) const {
    return mode == run_mode::infer && suppresses_on_device(options_.post_processing.suppression);
  }

  counted_targets targets() const { return targets_.view(); }
  std::byte* scratch() const { return scratch_.data(); }
  detection_buffers& detections() { return detections_; }
  const calibration_view& calibration() const { return calibration_.view(); }

  /// Rises, for steps over images of one size, when memory that they read or write has moved.
  int generation() const { return generation_ + current_; }

  std::size_t bytes() const {
    std::size_t sum = calibration_.bytes() + targets_.bytes() + scratch_.bytes() + detections_.bytes();
    for (const auto& a : anchors_) sum += a->on_device.bytes();
    return sum;
  }

  /// What bytes() will be when steps of these shapes have run.
  std::size_t bytes_for(std::span<const step_shape> steps) const {
    std::vector<std::size_t> kept;
    std::size_t scratch = 0, found = 0;
    target_sizes targets;
    for (auto step = steps.begin(); step != steps.end(); ++step) {
      const int anchors = anchor_count(net_, step->image);
      targets.include({step->batch, anchors, code_size()});
      const bool detects = post_processes(step->trains ? run_mode::train : run_mode::infer);
      scratch = std::max(scratch, scratch_bytes(step->batch, anchors, step->max_boxes, detects));
      if (detects) found = std::max(found, detection_buffers::bytes_for(step->batch, lists_of(anchors).total));
      const bool first = std::none_of(steps.begin(), step, [step](const auto& s) { return s.image == step->image; });
      if (first) kept.push_back(static_cast<std::size_t>(anchors) * sizeof(boxf));
    }
    return calibration_.bytes() + sum_of_kept(std::move(kept)) + targets.bytes() + scratch + found;
  }

 private:
  int code_size() const {
    return std::visit([]<class C>(const C&) { return C::code_size; }, options_.box_coder);
  }
  nms_lists lists_of(int anchors) const {
    return {options_.post_processing.suppression, anchors, options_.num_classes};
  }

  /// Of assignment, losses and post-processing, which take turns.
  std::size_t scratch_bytes(int batch, int anchors, int max_boxes, bool detects) const {
    const std::int64_t assigning = std::visit(
        [&]<class M>(const M&) { return assign_scratch_bytes<M>(batch, anchors, max_boxes); }, options_.matcher);
    const std::int64_t losing = ssd_loss_scratch_bytes(batch, anchors, options_.loss.miner.has_value());
    const std::int64_t detecting =
        detects ? post_processing_scratch_bytes(options_.post_processing, batch, anchors, options_.num_classes) : 0;
    return static_cast<std::size_t>(std::max({assigning, losing, detecting}));
  }

  void reserve_scratch(std::size_t bytes) {
    if (scratch_.size() >= bytes) return;
    scratch_ = {};
    scratch_ = device_array<std::byte>(bytes);
    ++generation_;
  }

  const ssd_options<Axes>& options_;
  const network& net_;
  device_calibration calibration_;
  recently_used<device_anchors> anchors_;
  device_targets targets_;
  device_array<std::byte> scratch_;
  detection_buffers detections_;
  int made_ = 0, current_ = 0;  ///< numbers of anchors
  int generation_ = 0;          ///< of what all sizes share
};

}  // namespace odt::cuda
