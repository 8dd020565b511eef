// SPDX-License-Identifier: MIT
// What an SSD's steps need of a GPU's memory beside the network's own: batches and anchors by the size of a batch;
// targets, scratch memory and detections for all of them.
#pragma once

#include <odt/exec/cuda/boxes/assign.cuh>
#include <odt/exec/cuda/boxes/post_processing.cuh>
#include <odt/exec/cuda/boxes/ssd_loss.cuh>
#include <odt/exec/cuda/boxes/targets.hpp>
#include <odt/exec/cuda/images/batch_buffers.hpp>
#include <odt/exec/cuda/machine/graph.hpp>
#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/plan_memory.hpp>
#include <odt/nn/network.hpp>
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

/// What depends on the sizes of a batch.
struct sized_batch {
  int batch, max_boxes;
  size2 image;
  std::vector<boxf> anchors;
  device_array<boxf> device_anchors;
  batch_buffers buffers;
  replayed train{};

  int anchor_count() const { return static_cast<int>(anchors.size()); }
};

template <class Axes>
class ssd_memory {
 public:
  /// The references must outlive it.
  ssd_memory(const ssd_options<Axes>& options, const network& net) : options_(options), net_(net) {}

  /// Everything for batches like that one, made at first sight.
  sized_batch& of(const batch& b) {
    const auto found = std::ranges::find_if(sizes_, [&b](const auto& s) {
      return s->batch == b.size && s->image == size2{b.height, b.width} && s->max_boxes == b.max_boxes &&
             s->buffers.raw() == !b.raws.empty();
    });
    if (found != sizes_.end()) return **found;
    const size2 image{b.height, b.width};
    const std::vector<size2> maps = feature_map_sizes(net_, image);
    std::vector<boxf> anchors =
        std::visit([&](const auto& generator) { return generator.generate(maps, image); }, options_.anchor_generator);
    device_array<boxf> on_device(anchors.size());
    check(cudaMemcpy(on_device.data(), anchors.data(), on_device.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
    sizes_.push_back(std::make_unique<sized_batch>(
        sized_batch{b.size, b.max_boxes, image, std::move(anchors), std::move(on_device), batch_buffers(b)}));
    return *sizes_.back();
  }

  /// Sees to targets, scratch memory and detections for a step.
  void reserve(const sized_batch& sized, run_mode mode) {
    const int anchors = sized.anchor_count();
    targets_.reserve({sized.batch, anchors, code_size()}, generation_);
    reserve_scratch(scratch_bytes(sized.batch, anchors, sized.max_boxes, post_processes(mode)));
    if (post_processes(mode)) detections_.reserve(sized.batch, lists_of(anchors).total, generation_);
  }

  /// Whether steps of that mode may make detections on the device.
  bool post_processes(run_mode mode) const {
    return mode == run_mode::infer && suppresses_on_device(options_.post_processing.suppression);
  }

  counted_targets targets() const { return targets_.view(); }
  std::byte* scratch() const { return scratch_.data(); }
  detection_buffers& detections() { return detections_; }

  /// Changes when memory moved that steps share.
  int generation() const { return generation_; }

  std::size_t bytes() const {
    std::size_t sum = targets_.bytes() + scratch_.bytes() + detections_.bytes();
    for (const auto& s : sizes_) sum += s->buffers.bytes() + s->device_anchors.bytes();
    return sum;
  }

  /// What bytes() will be when steps of these shapes have run.
  std::size_t bytes_for(std::span<const step_shape> steps) const {
    std::size_t bytes = 0, scratch = 0, found = 0;
    target_sizes targets;
    for (auto step = steps.begin(); step != steps.end(); ++step) {
      const int anchors = anchor_count(net_, step->image);
      targets.include({step->batch, anchors, code_size()});
      const bool detects = post_processes(step->trains ? run_mode::train : run_mode::infer);
      scratch = std::max(scratch, scratch_bytes(step->batch, anchors, step->max_boxes, detects));
      if (detects) found = std::max(found, detection_buffers::bytes_for(step->batch, lists_of(anchors).total));
      const auto same = [step](const step_shape& s) {
        return s.batch == step->batch && s.image == step->image && s.max_boxes == step->max_boxes && s.raw == step->raw;
      };
      if (std::any_of(steps.begin(), step, same)) continue;
      const bool trains = std::any_of(step, steps.end(), [same](const step_shape& s) { return s.trains && same(s); });
      bytes += batch_buffers::bytes_for(*step, trains ? 2 : 1) + static_cast<std::size_t>(anchors) * sizeof(boxf);
    }
    return bytes + targets.bytes() + scratch + found;
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
  std::vector<std::unique_ptr<sized_batch>> sizes_;
  device_targets targets_;
  device_array<std::byte> scratch_;
  detection_buffers detections_;
  int generation_ = 0;
};

}  // namespace odt::cuda
