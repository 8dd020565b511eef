// SPDX-License-Identifier: MIT
// Times a detector's steps on random data, beside what the machine can do at that moment.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/precision.hpp>
#include <odt/detector.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace odt {

struct benchmark_options {
  int steps = 20;
  int warmup = 3;                      ///< steps before, not timed
  int threads = 0;                     ///< that measure the ceilings: as many as the detector has
  bool forward_only = false;           ///< the network in evaluation mode, without post-processing
  std::optional<precision> compute{};  ///< the detector's, whose peak is a ceiling
};

/// What the machine gives at most, a second.
struct machine_ceilings {
  double flops = 0;  ///< of the convolutions' precision; fused multiply-adds as two
  double bytes = 0;  ///< of a triad far larger than the caches
};

struct benchmark_report {
  double median_seconds = 0;
  double least_seconds = 0;
  double flops = 0;  ///< of the convolutions of a step; a train step counts as three forward ones
  machine_ceilings ceilings;
  std::int64_t planned_bytes = 0;
  std::int64_t growth_bytes = 0;  ///< of resident memory, after ten steps or fewer
  bool finite = true;             ///< false: the losses ran away
};

/// How much the resident memory of this process grew, at its highest, since this was made. Linux; elsewhere 0.
class memory_growth {
 public:
  memory_growth();
  std::int64_t bytes() const;

 private:
  std::int64_t before_;
};

/// Noise with three boxes an image.
batch random_batch(int size, size2 extent, int num_classes);

/// Times the steps; ceilings are measured between them, medians reported. `since` is older than the detector.
benchmark_report time_steps(detector& model, const batch& data, const benchmark_options& how,
                            const memory_growth& since);

/// The operations of a step in their order, each with the quickest of its times, and the highest ceilings meanwhile:
/// what is left of a difference between them is not another program's doing.
struct step_profile {
  std::vector<operation_time> operations;
  machine_ceilings ceilings;
};

step_profile profile_steps(detector& model, const batch& data, const benchmark_options& how);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/benchmark.ipp>
#endif
