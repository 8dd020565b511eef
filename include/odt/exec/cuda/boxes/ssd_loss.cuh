// SPDX-License-Identifier: MIT
// Both losses of an SSD and their gradients, from logits, encodings and targets: a warp works on an anchor. The losses
// and the coder are inlined.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/exec/cuda/boxes/decode.cuh>
#include <odt/exec/cuda/boxes/loss_rows.cuh>
#include <odt/exec/cuda/boxes/loss_scales.cuh>
#include <odt/exec/cuda/boxes/mining.hpp>
#include <odt/exec/cuda/boxes/ssd_loss.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/loss.hpp>

#include <cstdint>

namespace odt::cuda {

namespace detail {

/// What a warp has of its anchor.
template <class Classification, class Localization, int CodeSize>
struct anchor_losses {
  const Classification& classes;
  const Localization& boxes;
  const loss_numbers& o;
  const ssd_predictions& in;
  const ssd_prediction_gradients& out;
  const counted_targets& t;
  std::int64_t row;

  template <class Gradient>
  __device__ float classification(const Gradient& gradient) const {
    const float* const logits = in.logits + row * in.class_slots;
    const auto own = static_cast<float>(t.classes[row]);
    return warp_row_cost(
        classes, in.class_slots, t.class_weights[row],
        [&](int c) {
          return loss_element<float>{logits[c], class_target(own, c, o.background_column, o.background_as_zeros)};
        },
        gradient);
  }
  template <class Gradient>
  __device__ float localization(const Gradient& gradient) const {
    const float *const codes = in.encodings + row * CodeSize, *const wanted = t.regression + row * CodeSize;
    return warp_row_cost(
        boxes, CodeSize, t.regression_weights[row],
        [&](int c) {
          return loss_element<float>{codes[c], wanted[c]};
        },
        gradient);
  }
  __device__ void write_gradients(const loss_scales& scale) const {
    float* const to_classes = out.logits + row * in.class_slots;
    float* const to_boxes = out.encodings + row * CodeSize;
    classification([&](int c, float g) { to_classes[c] = g * scale.classes; });
    localization([&](int c, float g) { to_boxes[c] = g * scale.boxes; });
  }
  __device__ void clear_gradients() const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    for (int c = lane; c < in.class_slots; c += 32) out.logits[row * in.class_slots + c] = 0;
    if (lane < CodeSize) out.encodings[row * CodeSize + lane] = 0;
  }
};

/// Costs of all anchors; without mining the gradients too, with it the boxes and losses that rank them.
template <class Classification, class Localization, class BoxCoder>
__global__ __launch_bounds__(loss_threads) void anchor_costs(Classification classes, Localization boxes, BoxCoder coder,
                                                             loss_numbers o, const boxf* anchors, ssd_predictions in,
                                                             ssd_prediction_gradients out, counted_targets t,
                                                             loss_memory memory, bool mines) {
  constexpr int code_size = BoxCoder::code_size;
  const loss_scales scale = loss_scales::of(o, code_size, t.weight_sums, in.batch);
  const bool gradients = !mines && out.logits;
  each_row_of_warp(std::int64_t{1} * in.batch * in.anchors, [&](std::int64_t row) {
    const anchor_losses<Classification, Localization, code_size> losses{classes, boxes, o, in, out, t, row};
    float* const to_classes = gradients ? out.logits + row * in.class_slots : nullptr;
    float* const to_boxes = gradients ? out.encodings + row * code_size : nullptr;
    const float cls = losses.classification([&](int c, float g) {
      if (to_classes) to_classes[c] = g * scale.classes;
    });
    const float loc = losses.localization([&](int c, float g) {
      if (to_boxes) to_boxes[c] = g * scale.boxes;
    });
    if (threadIdx.x % 32 != 0) return;
    memory.classification[row] = cls, memory.localization[row] = loc;
    if (!mines) return;
    memory.boxes[row] = decoded(coder, in.encodings + row * code_size, anchors[row % in.anchors]);
    memory.losses[row] = o.ranks_by == mining_loss::both ? cls * o.classification_weight + loc * o.localization_weight
                         : o.ranks_by == mining_loss::classification ? cls
                                                                     : loc;
  });
}

/// Gradients of the anchors that mining kept, zeros for the others.
template <class Classification, class Localization, int CodeSize>
__global__ __launch_bounds__(loss_threads) void kept_gradients(Classification classes, Localization boxes,
                                                               loss_numbers o, ssd_predictions in,
                                                               ssd_prediction_gradients out, counted_targets t,
                                                               loss_memory memory) {
  const loss_scales scale = loss_scales::of(o, CodeSize, t.weight_sums, in.batch);
  each_row_of_warp(std::int64_t{1} * in.batch * in.anchors, [&](std::int64_t row) {
    const anchor_losses<Classification, Localization, CodeSize> losses{classes, boxes, o, in, out, t, row};
    memory.kept[row] != 0 ? losses.write_gradients(scale) : losses.clear_gradients();
  });
}

}  // namespace detail

/// Bytes of scratch memory for ssd_loss.
inline std::int64_t ssd_loss_scratch_bytes(int batch, int anchors, bool mines) {
  return detail::loss_memory(nullptr, batch, anchors, mines).bytes;
}

/// The losses of a batch and, where they are wanted, their gradients: every element is written. With mining, costs come
/// first, and gradients only for the anchors that were kept.
template <classification_loss Classification, localization_loss Localization, box_coder BoxCoder>
void ssd_loss(cudaStream_t stream, const Classification& classes, const Localization& boxes, const BoxCoder& coder,
              const ssd_loss_options& options, const boxf* anchors, const ssd_predictions& in,
              const ssd_prediction_gradients& gradients, const counted_targets& targets, void* scratch,
              ssd_losses_report* report) {
  using namespace detail;
  constexpr int code_size = BoxCoder::code_size;
  const bool mines = options.miner.has_value();
  const loss_numbers numbers(options);
  const loss_memory memory(scratch, in.batch, in.anchors, mines);
  const unsigned blocks = blocks_of_rows(std::int64_t{1} * in.batch * in.anchors);
  anchor_costs<<<blocks, loss_threads, 0, stream>>>(classes, boxes, coder, numbers, anchors, in, gradients, targets,
                                                    memory, mines);
  check_launch("anchor_costs");
  if (mines) {
    mine(stream, *options.miner, in.batch, in.anchors, memory.boxes, memory.losses, targets.match, memory.mining,
         memory.kept, memory.mined);
    if (gradients.logits) {
      kept_gradients<Classification, Localization, code_size>
          <<<blocks, loss_threads, 0, stream>>>(classes, boxes, numbers, in, gradients, targets, memory);
      check_launch("kept_gradients");
    }
  }
  report_losses(stream, numbers, code_size, in, targets, memory, mines, report);
}

}  // namespace odt::cuda
