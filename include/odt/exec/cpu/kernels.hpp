// SPDX-License-Identifier: MIT
// The CPU kernels that no policy parametrizes: what a plan's operations call.
#pragma once

#include <odt/exec/cpu/batch_norm.hpp>
#include <odt/exec/cpu/convolution.hpp>
#include <odt/exec/cpu/depthwise.hpp>
#include <odt/exec/cpu/pool.hpp>
