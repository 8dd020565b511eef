// SPDX-License-Identifier: MIT
// What a two-stage detector's steps need of a GPU's memory beside what every detector's do: anchors by the size of the
// images and the mode; proposals, samples, targets, costs and scratch memory for all of them.
#pragma once

#include <odt/exec/anchor_selection.hpp>
#include <odt/exec/cuda/boxes/assign.cuh>
#include <odt/exec/cuda/boxes/box_classifier_loss.cuh>
#include <odt/exec/cuda/boxes/mask_loss.hpp>
#include <odt/exec/cuda/boxes/proposals.hpp>
#include <odt/exec/cuda/boxes/sampling.hpp>
#include <odt/exec/cuda/boxes/targets.hpp>
#include <odt/exec/cuda/boxes/two_stage_losses.hpp>
#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/recently_used.hpp>
#include <odt/exec/step.hpp>
#include <odt/exec/two_stage_detections.hpp>
#include <odt/faster_rcnn/anchors.hpp>
#include <odt/faster_rcnn/options.hpp>
#include <odt/nn/network.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace odt::cuda {

/// How much a batch asks for.
struct two_stage_extent {
  int batch = 0, max_boxes = 0;
  int anchors = 0;    ///< that take part
  int samples = 0;    ///< of an image's anchors
  int proposals = 0;  ///< of an image
  int taken = 0;      ///< of them, for the second stage; 0: there is none
  bool samples_proposals = false;
  int code_size = 4;
  size2 mask{};  ///< where masks are trained
};

/// The boxes of a batch in one piece of device memory, and what becomes of them from the first stage to the losses.
struct two_stage_boxes {
  boxf* truth;             ///< [batch, max_boxes] in pixels
  proposals all, taken;    ///< what the second stage looks at is all, or a sample
  counted_targets first;   ///< of the anchors
  samples sampled;         ///< of the anchors
  counted_targets to_all;  ///< of all proposals, by which they are sampled
  counted_targets second;  ///< of those that are taken
  row_costs first_costs, second_costs;
  float* mask_targets = nullptr;  ///< [batch, taken, height, width]
  cuda::mask_costs mask_costs;
  std::int64_t bytes;

  two_stage_boxes() : two_stage_boxes(nullptr, {}) {}
  /// Lies at `memory`; null only measures.
  two_stage_boxes(void* memory, const two_stage_extent& e) {
    scratch_space space(memory);
    truth = space.take<boxf>(std::int64_t{1} * e.batch * e.max_boxes);
    all = take_proposals(space, e.batch, e.proposals);
    first = take_targets(space, e.batch, e.anchors, e.code_size);
    sampled = take_samples(space, e.batch, e.samples);
    first_costs = row_costs(space, e.batch, e.samples, sampled.counts);
    taken = e.samples_proposals ? take_proposals(space, e.batch, e.taken) : all;
    if (e.samples_proposals) to_all = take_targets(space, e.batch, e.proposals, e.code_size);
    if (e.taken > 0) {
      second = take_targets(space, e.batch, e.taken, e.code_size);
      second_costs = row_costs(space, e.batch, e.taken, taken.counts);
    }
    if (const int area = e.mask.height * e.mask.width; area > 0) {
      mask_targets = space.take<float>(std::int64_t{1} * e.batch * e.taken * area);
      mask_costs = cuda::mask_costs(space, e.batch * e.taken);
    }
    bytes = space.used();
  }
};

/// An anchor_selection on both sides.
struct device_selection {
  int number;  ///< rises from those of one size and mode to the next
  size2 image;
  bool trains;
  device_array<boxf> boxes;
  device_array<int> rows;
  int all;

  device_selection(int own_number, size2 of, bool training, const anchor_selection& kept)
      : number(own_number),
        image(of),
        trains(training),
        boxes(kept.boxes.size()),
        rows(kept.rows.size()),
        all(kept.all) {
    check(cudaMemcpy(boxes.data(), kept.boxes.data(), boxes.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
    check(cudaMemcpy(rows.data(), kept.rows.data(), rows.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  }

  selected_anchors view() const { return {boxes.data(), rows.data(), static_cast<int>(boxes.size()), all}; }
  std::size_t bytes() const { return boxes.bytes() + rows.bytes(); }
};

template <class Axes>
class faster_rcnn_memory {
 public:
  /// The references must outlive it.
  faster_rcnn_memory(const faster_rcnn_options<Axes>& options, const network& net) : options_(options), net_(net) {}

  /// Sees to all memory for a step over the batch, and copies what changes from batch to batch.
  void begin(cudaStream_t stream, const batch& b, run_mode mode) {
    const bool trains = mode == run_mode::train;
    current_ = &selection_of({b.height, b.width}, trains);
    extent_ = extent_of(b.size, b.max_boxes, current_->view().count, trains);
    grow(kept_, static_cast<std::size_t>(two_stage_boxes(nullptr, extent_).bytes));
    grow(scratch_, scratch_bytes(extent_));
    boxes_ = two_stage_boxes(kept_.data(), extent_);
    upload_windows(stream, b);
    if (trains && options_.has_masks()) upload_masks(stream, b);
  }

  // Of the current batch, in device memory.
  selected_anchors anchors() const { return current_->view(); }
  const two_stage_boxes& boxes() const { return boxes_; }
  bool samples_proposals() const { return extent_.samples_proposals; }
  std::byte* scratch() const { return scratch_.data(); }
  const boxf* windows() const { return device_windows_.data(); }
  truth_masks masks() const { return {masks_.data(), extent_.max_boxes, current_->image}; }
  const std::uint64_t* first_sample() const { return first_sample_.device(); }

  /// On the host.
  std::span<const boxf> host_windows() const { return {windows_.data(), static_cast<std::size_t>(extent_.batch)}; }

  /// Rises, for steps of one mode over images of one size, when memory that they read or write has moved.
  int generation() const { return generation_ + (current_ ? current_->number : 0); }

  std::size_t bytes() const {
    std::size_t sum = kept_.bytes() + scratch_.bytes() + device_windows_.bytes() + masks_.bytes();
    for (const auto& s : selections_) sum += s->bytes();
    return sum;
  }

  /// What bytes() will be when steps of these shapes have run.
  std::size_t bytes_for(std::span<const step_shape> steps) const {
    std::vector<std::size_t> selections;
    std::size_t kept = 0, scratch = 0, windows = 0, masks = 0;
    for (auto step = steps.begin(); step != steps.end(); ++step) {
      const int count = select_anchors(options_, net_, step->image, step->trains).size();
      const two_stage_extent e = extent_of(step->batch, step->max_boxes, count, step->trains);
      kept = std::max(kept, static_cast<std::size_t>(two_stage_boxes(nullptr, e).bytes));
      scratch = std::max(scratch, scratch_bytes(e));
      windows = std::max(windows, static_cast<std::size_t>(step->batch) * sizeof(boxf));
      if (step->trains && options_.has_masks())
        masks = std::max(masks, mask_bytes(step->batch, step->max_boxes, step->image));
      const auto same = [step](const step_shape& s) { return s.image == step->image && s.trains == step->trains; };
      if (std::none_of(steps.begin(), step, same))
        selections.push_back(static_cast<std::size_t>(count) * (sizeof(boxf) + sizeof(int)));
    }
    return sum_of_kept(std::move(selections)) + kept + scratch + windows + masks;
  }

 private:
  static std::size_t mask_bytes(int batch, int max_boxes, size2 image) {
    return static_cast<std::size_t>(batch) * static_cast<std::size_t>(max_boxes) *
           static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width);
  }

  /// Made at first sight.
  const device_selection& selection_of(size2 image, bool trains) {
    const auto suits = [&](const device_selection& s) { return s.image == image && s.trains == trains; };
    if (const device_selection* found = selections_.find(suits)) return *found;
    return selections_.add(
        std::make_unique<device_selection>(++made_, image, trains, select_anchors(options_, net_, image, trains)));
  }

  two_stage_extent extent_of(int batch, int max_boxes, int anchors, bool trains) const {
    const faster_rcnn_loss_options& o = options_.loss;
    two_stage_extent e{.batch = batch, .max_boxes = max_boxes, .anchors = anchors};
    e.samples = o.first.sampler.size, e.proposals = o.first.max_proposals;
    if (options_.has_second_stage()) {
      e.taken = o.second_stage_proposals(trains);
      e.samples_proposals = trains && !o.second.miner;
    }
    e.code_size = std::visit([]<class C>(const C&) { return static_cast<int>(C::code_size); }, options_.box_coder);
    if (trains) e.mask = {options_.masks().height, options_.masks().width};
    return e;
  }

  /// Of proposing, assignment, sampling and losses, which take turns.
  std::size_t scratch_bytes(const two_stage_extent& e) const {
    using matcher = typename Axes::matcher;
    const auto& o = options_.loss;
    std::int64_t most = std::max({proposal_scratch_bytes(o.first, e.batch, e.anchors, e.proposals),
                                  assign_scratch_bytes<matcher>(e.batch, e.anchors, e.max_boxes),
                                  anchor_sampling_scratch_bytes(e.batch, e.anchors),
                                  assign_scratch_bytes<matcher>(e.batch, e.proposals, e.max_boxes)});
    if (e.samples_proposals)
      most = std::max(most, proposal_sampling_scratch_bytes(o.second.sampler, e.batch, e.proposals));
    return static_cast<std::size_t>(
        std::max(most, box_classifier_loss_scratch_bytes(e.taken, o.second.miner.has_value())));
  }

  /// To at least so many elements.
  template <class T>
  void grow(device_array<T>& memory, std::size_t count) {
    if (memory.size() >= count) return;
    memory = {};
    memory = device_array<T>(count);
    ++generation_;
  }

  void upload_windows(cudaStream_t stream, const batch& b) {
    const auto images = static_cast<std::size_t>(b.size);
    if (windows_.size() < images) windows_ = pinned_array<boxf>(images);
    grow(device_windows_, images);
    for (std::size_t i = 0; i < images; ++i) windows_[i] = window_in_pixels(b, i);
    check(
        cudaMemcpyAsync(device_windows_.data(), windows_.data(), images * sizeof(boxf), cudaMemcpyHostToDevice, stream),
        "cudaMemcpyAsync");
    first_sample_.host() = b.first_sample;
    first_sample_.upload(stream);
  }

  /// Those of objects that are there.
  void upload_masks(cudaStream_t stream, const batch& b) {
    require_masks(b);
    const size2 image{b.height, b.width};
    grow(masks_, mask_bytes(b.size, b.max_boxes, image));
    const std::size_t area = mask_bytes(1, 1, image);
    for (int i = 0; i < b.size; ++i)
      for (int k = 0; k < b.counts[static_cast<std::size_t>(i)]; ++k) {
        const auto at = static_cast<std::size_t>(i * b.max_boxes + k);
        const auto& pixels = b.masks[at].pixels;
        if (pixels.size() != area)
          fail("mask ", k, " of image ", i, " of a batch has ", pixels.size(), " pixels; the network's input has ",
               image.height, "x", image.width);
        check(cudaMemcpyAsync(masks_.data() + at * area, pixels.data(), area, cudaMemcpyHostToDevice, stream),
              "cudaMemcpyAsync");
      }
  }

  const faster_rcnn_options<Axes>& options_;
  const network& net_;
  recently_used<device_selection> selections_;
  const device_selection* current_ = nullptr;
  two_stage_extent extent_;
  two_stage_boxes boxes_;
  device_array<std::byte> kept_, scratch_;
  pinned_array<boxf> windows_;
  device_array<boxf> device_windows_;
  mirrored<std::uint64_t> first_sample_;
  device_array<std::uint8_t> masks_;
  int made_ = 0;        ///< selections
  int generation_ = 0;  ///< of what all sizes share
};

}  // namespace odt::cuda
