// SPDX-License-Identifier: MIT
// What a dropout leaves: single values (Srivastava et al., 2014), or whole images of a layer, which lets a network's
// paths drop (Larsson et al., arXiv:1605.07648), ever more of them as NASNet has it (Zoph et al., arXiv:1707.07012).
#pragma once

#include <odt/core/scalar.hpp>
#include <odt/core/target.hpp>

#include <cstdint>

namespace odt {

struct dropout_options {
  float keep_probability = 1;
  bool whole_images = false;  ///< all values of an image, or none
  int steps_to_it = 0;        ///< over which the probability falls to that from 1; 0: it is that from the first step on

  /// The probability at a step.
  ODT_HD constexpr float keeps(std::uint64_t step) const {
    if (steps_to_it == 0) return keep_probability;
    return 1 - min(1.0f, static_cast<float>(step) / static_cast<float>(steps_to_it)) * (1 - keep_probability);
  }
};

}  // namespace odt
