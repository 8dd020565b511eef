// SPDX-License-Identifier: MIT
// The batches of a detector's steps on the device, by their shapes, of which those used last are kept. The one that
// comes next is copied while a step works.
#pragma once

#include <odt/core/error.hpp>
#include <odt/exec/cuda/images/batch_buffers.hpp>
#include <odt/exec/cuda/machine/graph.hpp>
#include <odt/exec/recently_used.hpp>
#include <odt/nn/plan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace odt::cuda {

/// What depends on the shape of a batch, whatever the detector.
struct sized_batch {
  std::uint64_t number;  ///< no other has it: a graph is of the memory of one
  int batch, max_boxes;
  size2 image;
  batch_buffers buffers;
  replayed train{};
};

class sized_batches {
 public:
  /// The batch on the device: copied by `stream`, unless that was done while the last step ran.
  sized_batch& take(cudaStream_t stream, const batch& b, run_mode mode) {
    sized_batch& sized = of(b);
    const bool copied = mode == run_mode::train && copied_ == &b && copied_sample_ == b.first_sample;
    if (mode == run_mode::train) copied_ = nullptr;
    if (copied)
      sized.buffers.take_next();
    else
      sized.buffers.upload(stream, b);
    return sized;
  }

  void announce(const batch& next) { announced_ = &next; }

  /// What is wrong with an announced batch is said when its own step copies it again.
  void copy_announced() {
    const batch* next = std::exchange(announced_, nullptr);
    if (!next) return;
    try {
      sized_batch& sized = of(*next);
      sized.buffers.upload_next(copies_, *next);
      copied_ = next, copied_sample_ = next->first_sample, copied_to_ = sized.number;
    } catch (const error&) {
      copied_ = nullptr;
    }
  }
  /// Until the announced batch is there.
  void wait() const { copies_.wait(); }

  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto& s : sizes_) sum += s->buffers.bytes();
    return sum;
  }

  /// What bytes() will be when steps of these shapes have run, or at most where there are more shapes than are kept.
  static std::size_t bytes_for(std::span<const step_shape> steps) {
    std::vector<std::size_t> bytes;
    for (auto step = steps.begin(); step != steps.end(); ++step) {
      const auto same = [step](const step_shape& s) {
        return s.batch == step->batch && s.image == step->image && s.max_boxes == step->max_boxes && s.raw == step->raw;
      };
      if (std::any_of(steps.begin(), step, same)) continue;
      const bool trains = std::any_of(step, steps.end(), [same](const step_shape& s) { return s.trains && same(s); });
      bytes.push_back(batch_buffers::bytes_for(*step, trains ? 2 : 1));
    }
    return sum_of_kept(std::move(bytes));
  }

 private:
  /// Made at first sight.
  sized_batch& of(const batch& b) {
    const auto suits = [&b](const sized_batch& s) {
      return s.batch == b.size && s.image == size2{b.height, b.width} && s.max_boxes == b.max_boxes &&
             s.buffers.raw() == !b.raws.empty();
    };
    if (sized_batch* const found = sizes_.find(suits)) return *found;
    auto made =
        std::make_unique<sized_batch>(sized_batch{++made_, b.size, b.max_boxes, {b.height, b.width}, batch_buffers(b)});
    return sizes_.add(std::move(made), [this](const sized_batch& gone) {
      if (gone.number == copied_to_) copied_ = nullptr;
    });
  }

  stream copies_;
  recently_used<sized_batch> sizes_;
  std::uint64_t made_ = 0;
  const batch* announced_ = nullptr;  ///< of the step after the next
  const batch* copied_ = nullptr;     ///< lies in its size's next buffers
  std::uint64_t copied_sample_ = 0, copied_to_ = 0;
};

}  // namespace odt::cuda
