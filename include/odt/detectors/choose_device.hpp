// SPDX-License-Identifier: MIT
// Which device a detector's step runs on.
#pragma once

#include <odt/core/error.hpp>
#include <odt/detector.hpp>

namespace odt::detail {

/// Whether a step is that of an accelerator's PJRT plugin.
inline bool chooses_plugin(const run_options& run, bool compiled) {
  if (!is_accelerator(run.device)) return false;
  if (!compiled)
    fail("--device ", run.device, ": this detector was compiled without it; name it in ODT_PJRT() (odt/pjrt.hpp), or ",
         "run with --device cpu");
  return true;
}

/// Whether a step is CUDA's: as `run` says, "cpu", "cuda", or "auto" for a GPU where there is one. `has_device` is null
/// where the detector was compiled for the CPU only.
inline bool chooses_gpu(const run_options& run, bool (*has_device)()) {
  if (run.device == "cpu") return false;
  if (run.device == "auto") return has_device && has_device();
  if (run.device != "cuda")
    fail("device \"", run.device, "\" is not known; there are cpu, cuda, auto, tpu, pjrt:PLUGIN");
  if (!has_device)
    fail(
        "this program was compiled for the CPU only, or this detector of it; build it with ODT_CUDA=ON and name the "
        "detector in odt_add_detector(), or run with --device cpu");
  if (!has_device())
    fail(
        "no NVIDIA GPU was found that gives a block 163 KiB of shared memory (A100, H100 and their successors do), or "
        "its driver is too old for CUDA 13; run with --device cpu");
  return true;
}

}  // namespace odt::detail
