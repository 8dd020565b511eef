// SPDX-License-Identifier: MIT
// From ground truth to what the losses ask for: one block an image compares, matches and encodes. The policies are
// inlined; the matches are those of `match` element by element, bit for bit.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/core/batch.hpp>
#include <odt/core/rank.hpp>
#include <odt/exec/cuda/boxes/targets.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/reduce.cuh>
#include <odt/exec/cuda/machine/scratch.hpp>
#include <odt/matcher.hpp>
#include <odt/similarity.hpp>

#include <cstdint>
#include <span>

namespace odt::cuda {

namespace detail {

inline constexpr int assign_threads = 512;

/// A similarity and a column as one number that is larger for the larger similarity, then for the lower column.
__device__ inline unsigned long long favourite_key(float similarity, int column) {
  return static_cast<unsigned long long>(rising_bits(similarity)) << 32 | (0xffffffffu - static_cast<unsigned>(column));
}
__device__ inline int column_of(unsigned long long key) {
  return static_cast<int>(0xffffffffu - static_cast<unsigned>(key));
}

/// What the block's image has.
struct image_of_block {
  int rows;
  const boxf* boxes;
  const int* classes;
  const float* weights;

  __device__ explicit image_of_block(const ground_truth& truth) {
    const std::int64_t image = blockIdx.x, first = image * truth.max_boxes;
    rows = truth.counts[image];
    boxes = truth.boxes + first, classes = truth.classes + first, weights = truth.weights + first;
  }
};

/// Matches of one image by columns; `favourites` has a key a row, shared.
template <class Similarity, column_matcher Matcher>
__device__ void match_columns(const Similarity& how, const Matcher& matcher, const image_of_block& mine,
                              const boxf* anchors, int count, unsigned long long* favourites, int* matches) {
  const bool forces = matcher.forces_rows();
  for (int r = static_cast<int>(threadIdx.x); r < mine.rows; r += assign_threads) favourites[r] = 0;
  __syncthreads();
  const int rounds = (count + assign_threads - 1) / assign_threads;
  for (int round = 0; round < rounds; ++round) {
    const int a = round * assign_threads + static_cast<int>(threadIdx.x);
    const boxf anchor = anchors[a < count ? a : count - 1];
    float best = 0;
    int best_row = 0;
    for (int r = 0; r < mine.rows; ++r) {
      const float s = how.compare(mine.boxes[r], anchor);
      if (r == 0 || s > best) best = s, best_row = r;
      if (!forces) continue;
      const unsigned long long key =
          warp_fold(a < count ? favourite_key(s, a) : 0ull,
                    [](unsigned long long x, unsigned long long y) { return x > y ? x : y; });
      if (threadIdx.x % 32 == 0) atomicMax(favourites + r, key);
    }
    if (a < count)
      matches[a] = mine.rows > 0 ? static_cast<int>(matcher.decide(best, static_cast<float>(best_row))) : unmatched;
  }
  __syncthreads();
  if (!forces || threadIdx.x != 0 || count == 0) return;
  for (int r = mine.rows; r-- > 0;)
    if (mine.weights[r] > 0) matches[column_of(favourites[r])] = r;
}

/// Memory of one image for an image matcher.
struct image_matching {
  float* similarities;  // [max_boxes, anchors]
  std::uint8_t* valid;  // [max_boxes]
  int* scratch;         // [matcher's]

  template <class Matcher>
  static image_matching take(scratch_space& space, int batch, int anchors, int max_boxes) {
    image_matching m;
    m.similarities = space.take<float>(std::int64_t{1} * batch * max_boxes * anchors);
    m.valid = space.take<std::uint8_t>(std::int64_t{1} * batch * max_boxes);
    m.scratch = space.take<int>(std::int64_t{batch} * static_cast<std::int64_t>(Matcher::scratch(max_boxes)));
    return m;
  }
};

template <class Similarity, image_matcher Matcher>
__device__ void match_image(const Similarity& how, const Matcher& matcher, const image_of_block& mine,
                            const boxf* anchors, int count, int capacity, int max_boxes, const image_matching& memory,
                            int* matches) {
  const std::int64_t image = blockIdx.x;
  float* const similarities = memory.similarities + image * max_boxes * capacity;
  std::uint8_t* const valid = memory.valid + image * max_boxes;
  for (int a = static_cast<int>(threadIdx.x); a < count; a += assign_threads) {
    matches[a] = unmatched;
    for (int r = 0; r < mine.rows; ++r)
      similarities[std::int64_t{r} * count + a] = how.compare(mine.boxes[r], anchors[a]);
  }
  for (int r = static_cast<int>(threadIdx.x); r < mine.rows; r += assign_threads) valid[r] = mine.weights[r] > 0;
  __syncthreads();
  if (threadIdx.x != 0 || mine.rows == 0 || count == 0) return;
  const auto rows = static_cast<std::size_t>(mine.rows), scratch = Matcher::scratch(max_boxes);
  matcher.match(
      similarity_matrix{similarities, mine.rows, count, count}, std::span<const std::uint8_t>(valid, rows),
      std::span<int>(matches, static_cast<std::size_t>(count)),
      std::span<int>(memory.scratch + static_cast<std::size_t>(image) * scratch, Matcher::scratch(mine.rows)));
}

/// Targets of the block's image from its matches; `has_anchor` is shared memory of a number a row.
template <class BoxCoder>
__device__ void write_targets(const BoxCoder& coder, const image_of_block& mine, const boxf* anchors, int count,
                              float negative_class_weight, unsigned long long* has_anchor, const counted_targets& out) {
  __shared__ double weight_memory[33];
  __shared__ int count_memory[33];
  const std::int64_t first = std::int64_t{blockIdx.x} * count;
  double weights = 0;
  match_counts counts;
  for (int r = static_cast<int>(threadIdx.x); r < mine.rows; r += assign_threads) has_anchor[r] = 0;
  __syncthreads();
  for (int a = static_cast<int>(threadIdx.x); a < count; a += assign_threads) {
    const std::int64_t at = first + a;
    const int match = out.match[at];
    float* const code_at = out.regression + at * BoxCoder::code_size;
    if (match >= 0) {
      const float weight = mine.weights[match];
      out.classes[at] = mine.classes[match] + 1;
      out.class_weights[at] = out.regression_weights[at] = weight;
      const auto code = coder.encode(mine.boxes[match], anchors[a]);
#pragma unroll
      for (int k = 0; k < BoxCoder::code_size; ++k) code_at[k] = code[static_cast<std::size_t>(k)];
      weights += static_cast<double>(weight), ++counts.positives;
      has_anchor[match] = 1;
    } else {
      out.classes[at] = 0;
      out.class_weights[at] = match == unmatched ? negative_class_weight : 0.0f;
      out.regression_weights[at] = 0;
#pragma unroll
      for (int k = 0; k < BoxCoder::code_size; ++k) code_at[k] = 0;
      match == unmatched ? ++counts.negatives : ++counts.ignored;
    }
  }
  __syncthreads();
  for (int r = static_cast<int>(threadIdx.x); r < mine.rows; r += assign_threads)
    counts.matched_boxes += static_cast<int>(has_anchor[r]);
  weights = block_sum(weights, weight_memory);
  counts = {block_sum(counts.positives, count_memory), block_sum(counts.negatives, count_memory),
            block_sum(counts.ignored, count_memory), block_sum(counts.matched_boxes, count_memory), mine.rows};
  if (threadIdx.x == 0) out.weight_sums[blockIdx.x] = weights, out.counts[blockIdx.x] = counts;
}

template <class Similarity, class Matcher, class BoxCoder>
__global__ __launch_bounds__(assign_threads) void assign_image(Similarity how, Matcher matcher, BoxCoder coder,
                                                               ground_truth truth, matched_boxes boxes,
                                                               float negative_class_weight, image_matching memory,
                                                               counted_targets out) {
  extern __shared__ unsigned long long of_rows[];
  const image_of_block mine(truth);
  const boxf* const anchors = boxes.of(blockIdx.x);
  const int count = boxes.count(blockIdx.x);
  int* const matches = out.match + std::int64_t{blockIdx.x} * boxes.capacity;
  for (int a = count + static_cast<int>(threadIdx.x); a < boxes.capacity; a += assign_threads) matches[a] = unmatched;
  if constexpr (column_matcher<Matcher>)
    match_columns(how, matcher, mine, anchors, count, of_rows, matches);
  else
    match_image(how, matcher, mine, anchors, count, boxes.capacity, truth.max_boxes, memory, matches);
  __syncthreads();
  write_targets(coder, mine, anchors, boxes.capacity, negative_class_weight, of_rows, out);
}

}  // namespace detail

/// Bytes of scratch memory for `assign`.
template <matcher Matcher>
std::int64_t assign_scratch_bytes(int batch, int anchors, int max_boxes) {
  scratch_space space(nullptr);
  if constexpr (image_matcher<Matcher>) detail::image_matching::take<Matcher>(space, batch, anchors, max_boxes);
  return space.used();
}

/// Fills the targets of a batch. `truth` lies in device memory. Behind the count of an image, boxes are unmatched.
template <similarity Similarity, matcher Matcher, box_coder BoxCoder>
void assign(cudaStream_t stream, const Similarity& how, const Matcher& matches, const BoxCoder& coder,
            const ground_truth& truth, const matched_boxes& boxes, float negative_class_weight, void* scratch,
            const counted_targets& out) {
  detail::image_matching memory{};
  scratch_space space(scratch);
  if constexpr (image_matcher<Matcher>)
    memory = detail::image_matching::take<Matcher>(space, truth.size, boxes.capacity, truth.max_boxes);
  const std::size_t shared =
      sizeof(unsigned long long) * static_cast<std::size_t>(truth.max_boxes > 0 ? truth.max_boxes : 1);
  detail::assign_image<<<static_cast<unsigned>(truth.size), detail::assign_threads, shared, stream>>>(
      how, matches, coder, truth, boxes, negative_class_weight, memory, out);
  check_launch("assign");
}

}  // namespace odt::cuda
