// SPDX-License-Identifier: MIT
// A balanced sampler's selections for the images of a batch.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/rank.hpp>
#include <odt/exec/balanced_sampler.hpp>
#include <odt/exec/cuda/machine/scratch.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/ssd_targets.hpp>

#include <cuda_runtime.h>

#include <cstdint>

namespace odt::cuda {

/// Where random numbers come from: the run's seed, and the number in the run of a batch's first sample, which lies in
/// device memory, since it changes from step to step.
struct sampling_source {
  std::uint64_t seed = 0;
  const std::uint64_t* first_sample = nullptr;
};

/// Room for what a sampler takes.
inline samples take_samples(scratch_space& space, int batch, int capacity) {
  samples s{.batch = batch, .capacity = capacity};
  s.counts = space.take<int>(batch), s.indices = space.take<int>(std::int64_t{1} * batch * capacity);
  return s;
}

/// Bytes of scratch memory for sample_anchors.
inline std::int64_t anchor_sampling_scratch_bytes(int batch, int anchors) {
  scratch_space space(nullptr);
  space.take<rank_key>(std::int64_t{1} * batch * anchors);
  return space.used();
}

/// Takes of every image's anchors (`anchors` an image) what cpu::sample_anchors does, exactly; all in device memory.
void sample_anchors(cudaStream_t stream, const balanced_sampler& how, const sampling_source& from, int anchors,
                    const assigned_targets& targets, void* scratch, const samples& out);

/// Bytes of scratch memory for sample_proposals.
inline std::int64_t proposal_sampling_scratch_bytes(const balanced_sampler& how, int batch, int proposals) {
  scratch_space space(nullptr);
  space.take<rank_key>(std::int64_t{1} * batch * proposals);
  take_samples(space, batch, how.size);
  return space.used();
}

/// Keeps of every image's proposals what cpu::sample_proposals does, exactly, by the proposals' `match`; all in device
/// memory.
void sample_proposals(cudaStream_t stream, const balanced_sampler& how, const sampling_source& from,
                      const ground_truth& truth, size2 input, const proposals& in, const int* match, void* scratch,
                      const proposals& out);

}  // namespace odt::cuda
