// SPDX-License-Identifier: MIT
// The detector whose whole steps are compared between the CPU and a GPU, and a look into its step on the latter.
#pragma once

#include "any_ssd.hpp"

#include <vector>

namespace odt::test {

/// From now on no two activations share memory.
void keep_all_on_gpu(device_step& step, bool keep);
/// What the readers of a layer see.
std::vector<float> output_on_gpu(device_step& step, int layer);

}  // namespace odt::test
