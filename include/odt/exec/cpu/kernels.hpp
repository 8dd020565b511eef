// SPDX-License-Identifier: MIT
// The CPU kernels that no policy parametrizes: what a plan's operations call.
#pragma once

#include <odt/exec/cpu/convolution/convolution.hpp>
#include <odt/exec/cpu/depthwise/depthwise.hpp>
#include <odt/exec/cpu/passes/apply.hpp>
#include <odt/exec/cpu/passes/arithmetic.hpp>
#include <odt/exec/cpu/passes/batch_norm.hpp>
#include <odt/exec/cpu/passes/crop_and_resize.hpp>
#include <odt/exec/cpu/passes/elements.hpp>
#include <odt/exec/cpu/passes/global_pool.hpp>
#include <odt/exec/cpu/passes/group_norm.hpp>
#include <odt/exec/cpu/passes/pool.hpp>
#include <odt/exec/cpu/passes/position_sensitive_crop.hpp>
#include <odt/exec/cpu/passes/resample.hpp>
