// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/train/memory_check.hpp>

#include <vector>

namespace odt {

namespace detail::memory {

ODT_INLINE bool fits(const memory_forecast& f) { return f.available == 0 || f.needed <= f.available; }

ODT_INLINE std::string bytes(std::int64_t n) { return str(human_bytes(n), " (", grouped(n), " bytes)"); }

/// Of the train step, beside the same evaluations.
ODT_INLINE int largest_batch(const detector& model, std::span<const step_shape> steps) {
  std::vector<step_shape> smaller(steps.begin(), steps.end());
  return largest_fitting(steps[0].batch - 1, [&](int batch) {
    smaller[0].batch = batch;
    return fits(model.foresee(smaller));
  });
}

}  // namespace detail::memory

ODT_INLINE std::string check_memory(const detector& model, std::span<const step_shape> steps) {
  namespace d = detail::memory;
  const memory_forecast f = model.foresee(steps);
  if (f.needed == 0) return {};
  const std::string needs =
      str("a batch_size of ", steps[0].batch, " needs ", d::bytes(f.needed), " of ",
          f.on_gpu ? "the GPU's" : "the machine's", " memory, and ", d::bytes(f.available), " are free");
  if (!d::fits(f)) {
    if (!f.on_gpu)
      warn(needs, "; a smaller one does not swap");
    else if (const int largest = d::largest_batch(model, steps); largest > 0)
      fail(needs, "; the largest that fits is ", largest);
    else
      fail(needs, "; not even a batch_size of 1 fits: use smaller images, or evaluate with a smaller batch_size");
  }
  return str("  memory needed in all: ", d::bytes(f.needed),
             f.available > 0 ? str(", free: ", human_bytes(f.available)) : "", f.on_gpu ? ", on the GPU" : "");
}

}  // namespace odt
