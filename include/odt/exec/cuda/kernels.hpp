// SPDX-License-Identifier: MIT
// The GPU's kernels that no policy parametrizes: what a plan's operations call.
#pragma once

#include <odt/exec/cuda/convolution/convolution.hpp>
#include <odt/exec/cuda/depthwise/depthwise.hpp>
#include <odt/exec/cuda/passes/apply.hpp>
#include <odt/exec/cuda/passes/arithmetic.hpp>
#include <odt/exec/cuda/passes/batch_norm.hpp>
#include <odt/exec/cuda/passes/crop_and_resize.hpp>
#include <odt/exec/cuda/passes/elements.hpp>
#include <odt/exec/cuda/passes/global_pool.hpp>
#include <odt/exec/cuda/passes/group_norm.hpp>
#include <odt/exec/cuda/passes/host_values.hpp>
#include <odt/exec/cuda/passes/pool.hpp>
#include <odt/exec/cuda/passes/position_sensitive_crop.hpp>
#include <odt/exec/cuda/passes/resample.hpp>
