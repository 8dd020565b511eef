// SPDX-License-Identifier: MIT
// One block an image: every candidate gets its rank; the rank below which the wanted number of positives (then of
// negatives) lies is found digit by digit; what is below it is written down in order.
#include <odt/exec/cuda/boxes/sampling.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/reduce.cuh>
#include <odt/exec/two_stage_elements.hpp>

namespace odt::cuda {

namespace {

constexpr int sampling_threads = 512;
constexpr int digit_bits = 8, digits = 1 << digit_bits;

/// What an anchor is to its sampler, by its targets.
struct anchor_kinds {
  assigned_targets targets;
  int capacity;

  __device__ int count(std::int64_t) const { return capacity; }
  __device__ candidate operator()(std::int64_t image, int i) const {
    const std::int64_t at = image * capacity + i;
    return anchor_candidate(targets.class_weights[at], targets.classes[at]);
  }
};

/// What a proposal is to its sampler, by its match.
struct proposal_kinds {
  const int* match;
  ground_truth truth;
  const int* counts;
  int capacity;

  __device__ int count(std::int64_t image) const { return counts[image]; }
  __device__ candidate operator()(std::int64_t image, int i) const {
    return proposal_candidate(match[image * capacity + i], truth.weights + image * truth.max_boxes);
  }
};

/// The rank below which `wanted` ranks lie of those that belong, of which there are more; ranks differ. By a block.
template <class Belongs>
__device__ rank_key end_of_lowest(const rank_key* ranks, int count, int wanted, const Belongs& belongs) {
  __shared__ int bins[digits], digit, left;
  rank_key found = 0;
  for (int shift = 64 - digit_bits; shift >= 0; shift -= digit_bits) {
    for (int d = static_cast<int>(threadIdx.x); d < digits; d += sampling_threads) bins[d] = 0;
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < count; i += sampling_threads) {
      const rank_key rank = ranks[i] >> shift;
      if (belongs(i) && rank >> digit_bits == found >> shift >> digit_bits) atomicAdd(bins + (rank & (digits - 1)), 1);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int d = 0, rest = wanted;
      while (rest >= bins[d]) rest -= bins[d++];
      digit = d, left = rest;
    }
    __syncthreads();
    found |= static_cast<rank_key>(digit) << shift, wanted = left;
  }
  return found;
}

/// Of the candidates of one kind, so many at most: the rank where they end, and how many they are. By a block.
struct lowest_ranks {
  rank_key end = no_rank;
  int count = 0;

  template <class Belongs>
  __device__ static lowest_ranks of(const rank_key* ranks, int candidates, const Belongs& belongs, int most, int all) {
    lowest_ranks r{no_rank, all};
    if (all > most) r = {end_of_lowest(ranks, candidates, most, belongs), most};
    return r;
  }
};

template <class Kinds>
__global__ __launch_bounds__(sampling_threads) void sample_candidates(balanced_sampler how, sampling_source from,
                                                                      std::uint32_t stage, Kinds kinds,
                                                                      rank_key* all_ranks, samples out) {
  __shared__ int shared[33];
  const std::int64_t image = blockIdx.x;
  const int count = kinds.count(image);
  const sampling_key key{from.seed, *from.first_sample + static_cast<std::uint64_t>(image), stage};
  rank_key* const ranks = all_ranks + image * kinds.capacity;
  int positives = 0, negatives = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += sampling_threads) {
    const candidate what = kinds(image, i);
    ranks[i] = sampling_rank(how, key, static_cast<std::uint32_t>(i));
    positives += what == candidate::positive ? 1 : 0, negatives += what == candidate::negative ? 1 : 0;
  }
  positives = block_sum(positives, shared), negatives = block_sum(negatives, shared);
  const auto is = [&](candidate what) { return [&kinds, image, what](int i) { return kinds(image, i) == what; }; };
  const auto positive =
      lowest_ranks::of(ranks, count, is(candidate::positive), how.most_positives(positives), positives);
  const auto negative =
      lowest_ranks::of(ranks, count, is(candidate::negative), how.most_negatives(positive.count), negatives);
  int taken = 0;
  for (int begin = 0; begin < count; begin += sampling_threads) {
    const int i = begin + static_cast<int>(threadIdx.x);
    const candidate what = i < count ? kinds(image, i) : candidate::none;
    const rank_key end = what == candidate::positive ? positive.end : what == candidate::negative ? negative.end : 0;
    const bool takes = i < count && ranks[i] < end;
    const block_count upto = block_count::of(takes, shared);
    const int at = taken + upto.upto - 1;
    if (takes && at < out.capacity) out.indices[image * out.capacity + at] = i;
    taken += upto.total;
  }
  if (threadIdx.x == 0) out.counts[image] = taken < out.capacity ? taken : out.capacity;
}

/// A block an image.
__global__ __launch_bounds__(sampling_threads) void gather_proposals(samples taken, proposals in, size2 input,
                                                                     proposals out) {
  const std::int64_t image = blockIdx.x;
  const int count = taken.counts[image];
  for (int i = static_cast<int>(threadIdx.x); i < out.capacity; i += sampling_threads) {
    const bool there = i < count;
    const std::int64_t to = image * out.capacity + i;
    const std::int64_t at = there ? image * in.capacity + taken.indices[image * taken.capacity + i] : 0;
    const boxf b = there ? in.boxes[at] : boxf{0, 0, 0, 0};
    out.boxes[to] = b;
    out.normalized[to] = normalized(b, input);
    out.scores[to] = there ? in.scores[at] : 0;
  }
  if (threadIdx.x == 0) out.counts[image] = count;
}

}  // namespace

void sample_anchors(cudaStream_t stream, const balanced_sampler& how, const sampling_source& from, int anchors,
                    const assigned_targets& targets, void* scratch, const samples& out) {
  scratch_space space(scratch);
  auto* const ranks = space.take<rank_key>(std::int64_t{1} * out.batch * anchors);
  sample_candidates<<<static_cast<unsigned>(out.batch), sampling_threads, 0, stream>>>(
      how, from, first_stage_sampling, anchor_kinds{targets, anchors}, ranks, out);
  check_launch("sample_anchors");
}

void sample_proposals(cudaStream_t stream, const balanced_sampler& how, const sampling_source& from,
                      const ground_truth& truth, size2 input, const proposals& in, const int* match, void* scratch,
                      const proposals& out) {
  scratch_space space(scratch);
  auto* const ranks = space.take<rank_key>(std::int64_t{1} * in.batch * in.capacity);
  const samples taken = take_samples(space, in.batch, how.size);
  const auto images = static_cast<unsigned>(in.batch);
  sample_candidates<<<images, sampling_threads, 0, stream>>>(
      how, from, second_stage_sampling, proposal_kinds{match, truth, in.counts, in.capacity}, ranks, taken);
  check_launch("sample_proposals");
  gather_proposals<<<images, sampling_threads, 0, stream>>>(taken, in, input, out);
  check_launch("gather_proposals");
}

}  // namespace odt::cuda
