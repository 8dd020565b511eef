// SPDX-License-Identifier: MIT
// Whether a run fits into its device's memory, before the first step.
#pragma once

#include <odt/detector.hpp>

#include <span>
#include <string>

namespace odt {

/// The largest number from 1 to `most` that `fits`, by bisection; 0: none does. Below one that fits, all do.
template <class Fits>
constexpr int largest_fitting(int most, const Fits& fits) {
  int low = 0, high = most;
  while (low < high) {
    const int middle = high - (high - low) / 2;
    if (fits(middle))
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

/// A line of what the steps need and what there is; empty where the detector does not know. `steps` begins with the
/// train step. Throws where a GPU has too little, and names the largest batch that fits; warns where the machine has.
std::string check_memory(const detector& model, std::span<const step_shape> steps);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/memory_check.ipp>
#endif
