// SPDX-License-Identifier: MIT
// A block suppresses one class of one image, then one block an image merges its classes. Both go through their
// candidates best first, a chunk at a time: a threshold that leaves about a chunk of them is found by bisection, so
// that nothing is sorted that is not looked at, and shared memory limits nothing.
#include <odt/exec/cuda/boxes/non_max_suppression.hpp>
#include <odt/exec/cuda/boxes/ranking.cuh>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/reduce.cuh>

#include <algorithm>
#include <cmath>

namespace odt::cuda {

namespace {

constexpr int nms_threads = 256, nms_warps = nms_threads / 32;
constexpr int chunk = nms_threads;  ///< candidates that are sorted at once

/// Memory of a batch.
struct nms_memory {
  bool across;  // class-agnostic
  int lists, most;
  float* scores;  // [batch, anchors] of the best class, if class-agnostic
  int* labels;    // [batch, anchors] the best class, if class-agnostic
  int* selected;  // [batch, lists, most] anchors, best first
  float* selected_scores;
  float4* selected_boxes;  // upright
  std::int64_t bytes;

  nms_memory(void* scratch, const non_max_suppression_options& o, int batch, int anchors, int classes)
      : across(o.use_class_agnostic_nms) {
    const nms_lists of_image(o, anchors, classes);
    lists = of_image.count, most = of_image.most;
    scratch_space space(scratch);
    const std::int64_t rows = across ? std::int64_t{1} * batch * anchors : 0;
    const std::int64_t all = std::int64_t{1} * batch * lists * most;
    scores = space.take<float>(rows), labels = space.take<int>(rows);
    selected = space.take<int>(all), selected_scores = space.take<float>(all);
    selected_boxes = space.take<float4>(all);
    bytes = space.used();
  }
};

/// The numbers of the options that kernels take.
struct nms_numbers {
  float score_threshold, iou_threshold;
  bool change_coordinate_frame;
};

template <class KeyAt>
__device__ int count_keys(int count, const KeyAt& key_at, rank_key begin, rank_key end, int* shared) {
  int own = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += nms_threads) {
    const rank_key key = key_at(i);
    own += begin <= key && key < end ? 1 : 0;
  }
  return block_sum(own, shared);
}

/// Where the next chunk from `begin` on ends: before it lies half a chunk or more, or all that is left. Keys differ, so
/// there is such a place.
template <class KeyAt>
__device__ rank_key end_of_chunk(int count, const KeyAt& key_at, rank_key begin, int* shared) {
  if (count_keys(count, key_at, begin, no_rank, shared) <= chunk) return no_rank;
  rank_key low = begin, high = no_rank;
  while (true) {
    const rank_key middle = low + (high - low) / 2;
    const int before = count_keys(count, key_at, begin, middle, shared);
    if (chunk / 2 <= before && before <= chunk) return middle;
    (before > chunk ? high : low) = middle;
  }
}

/// Calls body(keys, how many) for the keys in ascending order, a chunk at a time, as long as it says true; by a block.
template <class KeyAt, class Body>
__device__ void each_chunk(int count, const KeyAt& key_at, const Body& body) {
  __shared__ rank_key keys[chunk];
  __shared__ int shared[33];
  rank_key begin = 0, end = 0;
  do {
    end = end_of_chunk(count, key_at, begin, shared);
    keys[threadIdx.x] = no_rank;
    int found = 0;
    for (int from = 0; from < count; from += nms_threads) {
      const int i = from + static_cast<int>(threadIdx.x);
      const rank_key key = i < count ? key_at(i) : no_rank;
      const bool inside = begin <= key && key < end;
      const block_count upto = block_count::of(inside, shared);
      if (inside) keys[found + upto.upto - 1] = key;
      found += upto.total;
    }
    int wide = 1;
    while (wide < found) wide *= 2;
    sort<nms_threads>(keys, wide);
    if (!body(keys, found)) return;
    begin = end;
  } while (end != no_rank);
}

/// Which of up to 32 candidates, best first, stay beside `count` better ones that were kept: a bit each, by a block.
__device__ unsigned survivors(const float4* candidates, int there, const float4* kept, int count, float threshold) {
  __shared__ unsigned gone[nms_warps], after[32];  // after[j]: those that j suppresses
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const boxf own = as_box(lane < there ? candidates[lane] : float4{0, 0, 0, 0});
  const float own_area = area(own), low = threshold * 0.999999f;
  const auto suppressed_by = [&](const float4& other) {
    const boxf better = as_box(other);
    return suppresses(better, area(better), own, own_area, threshold, low);
  };
  bool mine = lane >= there;
  for (int i = warp; i < count && !mine; i += nms_warps) mine = suppressed_by(kept[i]);
  const unsigned votes = __ballot_sync(full_warp, mine);
  if (lane == 0) gone[warp] = votes;
  for (int j = warp; j < 32; j += nms_warps) {
    const unsigned hit = __ballot_sync(full_warp, j < lane && lane < there && suppressed_by(candidates[j]));
    if (lane == 0) after[j] = hit;
  }
  __syncthreads();
  unsigned stay = full_warp;
  for (const unsigned some : gone) stay &= ~some;
#pragma unroll
  for (int j = 0; j < 32; ++j)
    if (stay >> j & 1) stay &= ~after[j];
  return stay;
}

__global__ __launch_bounds__(nms_threads) void suppress_list(nms_memory memory, nms_numbers o, scored_batch in) {
  __shared__ float4 candidates[chunk];
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  const std::int64_t image = blockIdx.y, list = image * memory.lists + blockIdx.x, first = list * memory.most;
  const boxf* const boxes = in.boxes + image * in.anchors;
  const float* const scores = (memory.across ? memory.scores : in.scores) + list * in.anchors;
  float4* const kept = memory.selected_boxes + first;
  int count = 0;
  each_chunk(
      in.anchors, [&](int i) { return ranked(scores[i], o.score_threshold, i); },
      [&](const rank_key* keys, int found) {
        if (thread < found) candidates[thread] = as_vector(upright(boxes[ranked_index(keys[thread])]));
        __syncthreads();
        for (int from = 0; from < found && count < memory.most; from += 32) {
          const unsigned stay = survivors(candidates + from, std::min(32, found - from), kept, count, o.iou_threshold);
          const int at = count + __popc(stay & ((1u << lane) - 1));
          if (thread < 32 && (stay >> lane & 1) && at < memory.most) {
            const auto anchor = ranked_index(keys[from + lane]);
            kept[at] = candidates[from + lane];
            memory.selected[first + at] = static_cast<int>(anchor), memory.selected_scores[first + at] = scores[anchor];
          }
          count = std::min(memory.most, count + __popc(stay));
          __syncthreads();
        }
        return count < memory.most;
      });
  for (int at = count + thread; at < memory.most; at += nms_threads) memory.selected_scores[first + at] = -INFINITY;
}

/// Class-agnostic NMS: every anchor's best class, the first of equal ones.
__global__ __launch_bounds__(nms_threads) void find_best_classes(nms_memory memory, scored_batch in) {
  const std::int64_t image = blockIdx.y, anchor = std::int64_t{blockIdx.x} * nms_threads + threadIdx.x;
  if (anchor >= in.anchors) return;
  const float* const scores = in.scores + image * in.classes * in.anchors + anchor;
  int best = 0;
  for (int c = 1; c < in.classes; ++c)
    if (scores[std::int64_t{best} * in.anchors] < scores[std::int64_t{c} * in.anchors]) best = c;
  memory.labels[image * in.anchors + anchor] = best;
  memory.scores[image * in.anchors + anchor] = scores[std::int64_t{best} * in.anchors];
}

__global__ __launch_bounds__(nms_threads) void merge_lists(nms_memory memory, nms_numbers o, scored_batch in,
                                                           found_batch out) {
  __shared__ int shared[33];
  const int thread = static_cast<int>(threadIdx.x), slots = memory.lists * memory.most;
  const std::int64_t image = blockIdx.x, first = image * slots, first_anchor = image * in.anchors;
  const boxf window = in.windows[image];
  int count = 0;
  each_chunk(
      slots, [&](int i) { return ranked(memory.selected_scores[first + i], -INFINITY, i); },
      [&](const rank_key* keys, int found) {
        found_box mine;
        if (thread < found) {
          const auto slot = static_cast<int>(ranked_index(keys[thread]));
          mine.anchor = memory.selected[first + slot], mine.score = memory.selected_scores[first + slot];
          mine.label = memory.across ? memory.labels[first_anchor + mine.anchor] : slot / memory.most;
          mine.bounds = clip(in.boxes[first_anchor + mine.anchor], window);
        }
        const bool stays = thread < found && area(mine.bounds) > 0 && !(mine.score < 0);
        const block_count upto = block_count::of(stays, shared);
        const int at = count + upto.upto - 1;
        if (stays && at < out.most) {
          if (o.change_coordinate_frame) mine.bounds = change_coordinate_frame(mine.bounds, window);
          out.found[image * out.most + at] = mine;
        }
        count = std::min(out.most, count + upto.total);
        return count < out.most;
      });
  if (thread == 0) out.counts[image] = count;
}

}  // namespace

std::int64_t nms_scratch_bytes(const non_max_suppression_options& options, int batch, int anchors, int classes) {
  return nms_memory(nullptr, options, batch, anchors, classes).bytes;
}

void multiclass_non_max_suppression(cudaStream_t stream, const non_max_suppression_options& options,
                                    const scored_batch& in, void* scratch, const found_batch& out) {
  if (in.batch == 0) return;
  nms_memory memory(scratch, options, in.batch, in.anchors, in.classes);
  const nms_numbers numbers{options.score_threshold, options.iou_threshold, options.change_coordinate_frame};
  const auto images = static_cast<unsigned>(in.batch);
  if (options.use_class_agnostic_nms) {
    const auto blocks = static_cast<unsigned>((in.anchors + nms_threads - 1) / nms_threads);
    find_best_classes<<<dim3(blocks, images), nms_threads, 0, stream>>>(memory, in);
    check_launch("find_best_classes");
  }
  suppress_list<<<dim3(static_cast<unsigned>(memory.lists), images), nms_threads, 0, stream>>>(memory, numbers, in);
  check_launch("suppress_list");
  merge_lists<<<images, nms_threads, 0, stream>>>(memory, numbers, in, out);
  check_launch("merge_lists");
}

}  // namespace odt::cuda
