// SPDX-License-Identifier: MIT
// Three launches: anchors are ranked; all pairs of ranked boxes are looked at for overlaps, which are rare at mining's
// thresholds; what overlaps is decided in the order of the ranks, and negatives are counted off.
#include <odt/exec/cuda/boxes/mining.hpp>
#include <odt/exec/cuda/boxes/ranking.cuh>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/reduce.cuh>
#include <odt/exec/cuda/machine/scratch.hpp>
#include <odt/exec/cuda/machine/shapes.hpp>
#include <odt/matcher.hpp>

#include <bit>
#include <cmath>

namespace odt::cuda {

namespace {

constexpr int rank_threads = 1024, pair_threads = 128;
constexpr int listed = 8;               ///< overlaps of a box that are written down
constexpr int most_shared_keys = 8192;  ///< that are sorted in shared memory

static_assert(most_shared_keys * sizeof(rank_key) <= small_block_memory);

/// Memory of a batch, by image.
struct mining_memory {
  int anchors, keys;       // keys: the power of two that holds the anchors
  rank_key* ranks;         // [keys]
  float4* boxes;           // [anchors] ranked, upright
  int* overlaps;           // [anchors] number of better ranked boxes that a box overlaps
  int* lists;              // [anchors, listed] the first of them
  std::uint8_t* survives;  // [anchors]
  std::int64_t bytes;

  mining_memory(void* scratch, int batch, int count)
      : anchors(count), keys(static_cast<int>(std::bit_ceil(static_cast<unsigned>(count > 0 ? count : 1)))) {
    scratch_space space(scratch);
    const std::int64_t all = std::int64_t{1} * batch * anchors;
    ranks = space.take<rank_key>(std::int64_t{1} * batch * keys);
    boxes = space.take<float4>(all);
    overlaps = space.take<int>(all);
    lists = space.take<int>(all * listed);
    survives = space.take<std::uint8_t>(all);
    bytes = space.used();
  }
};

__device__ int anchor_of(rank_key key) { return static_cast<int>(ranked_index(key)); }

__global__ __launch_bounds__(rank_threads) void rank_anchors(mining_memory memory, const boxf* boxes,
                                                             const float* losses) {
  extern __shared__ rank_key shared_keys[];
  const std::int64_t image = blockIdx.x, first = image * memory.anchors;
  rank_key* const own = memory.ranks + image * memory.keys;
  rank_key* const keys = memory.keys <= most_shared_keys ? shared_keys : own;
  for (int i = static_cast<int>(threadIdx.x); i < memory.keys; i += rank_threads)
    keys[i] = i < memory.anchors ? ranked(losses[first + i], -INFINITY, i) : no_rank;
  sort<rank_threads>(keys, memory.keys);
  for (int i = static_cast<int>(threadIdx.x); i < memory.anchors; i += rank_threads) {
    own[i] = keys[i];
    memory.boxes[first + i] =
        keys[i] == no_rank ? float4{0, 0, 0, 0} : as_vector(upright(boxes[first + anchor_of(keys[i])]));
  }
}

/// A thread looks at all boxes that rank before its own.
__global__ __launch_bounds__(pair_threads) void find_overlaps(mining_memory memory, float threshold) {
  __shared__ float4 tile[pair_threads];
  __shared__ float areas[pair_threads];
  const std::int64_t image = blockIdx.y, first = image * memory.anchors;
  const int block_first = static_cast<int>(blockIdx.x) * pair_threads,
            mine = block_first + static_cast<int>(threadIdx.x);
  const bool there = mine < memory.anchors;
  const boxf own = as_box(there ? memory.boxes[first + mine] : float4{0, 0, 0, 0});
  const float own_area = area(own), low = threshold * 0.999999f;
  // An overlap above the threshold leaves the corners no further apart than this. Thresholds near 0 bound nothing, nor
  // do areas that underflow.
  const bool bounded = threshold > 0.01f && own_area > 1e-30f;
  const float slack = bounded ? 1.001f * (1 - threshold) / threshold + 1e-5f : INFINITY;
  const float far_y = slack * height(own), far_x = slack * width(own);
  int found = 0;
  for (int from = 0; from <= block_first; from += pair_threads) {
    __syncthreads();
    const int at = from + static_cast<int>(threadIdx.x);
    const float4 other = at < memory.anchors ? memory.boxes[first + at] : float4{0, 0, 0, 0};
    tile[threadIdx.x] = other, areas[threadIdx.x] = area(as_box(other));
    __syncthreads();
    if (!there || !(own_area > 0)) continue;
    const int last = mine - from < pair_threads ? mine - from : pair_threads;
#pragma unroll 4
    for (int i = 0; i < last; ++i) {
      if (fabsf(tile[i].x - own.ymin) > far_y || fabsf(tile[i].y - own.xmin) > far_x) continue;
      if (!(areas[i] > 0) || !suppresses(as_box(tile[i]), areas[i], own, own_area, threshold, low)) continue;
      if (found < listed) memory.lists[(first + mine) * listed + found] = from + i;
      ++found;
    }
  }
  if (there) memory.overlaps[first + mine] = found;
}

/// Whether box `rank` stays, by a warp, when all before it are decided.
__device__ bool stays(const mining_memory& memory, std::int64_t first, int rank, float threshold) {
  const int lane = static_cast<int>(threadIdx.x) % 32, found = memory.overlaps[first + rank];
  bool gone = false;
  if (found <= listed) {
    if (lane < found) gone = memory.survives[first + memory.lists[(first + rank) * listed + lane]] != 0;
    return !__any_sync(full_warp, gone);
  }
  const boxf own = as_box(memory.boxes[first + rank]);
  const float own_area = area(own);
  for (int i = lane; i < rank && !gone; i += 32) {
    if (memory.survives[first + i] == 0) continue;
    const boxf better = as_box(memory.boxes[first + i]);
    const float better_area = area(better);
    gone = better_area > 0 && suppresses(better, better_area, own, own_area, threshold, threshold * 0.999999f);
  }
  return !__any_sync(full_warp, gone);
}

/// Decides the boxes with overlaps, in order; by one warp.
__device__ void decide_overlapping(const mining_memory& memory, std::int64_t first, float threshold) {
  const int lane = static_cast<int>(threadIdx.x);
  for (int from = 0; from < memory.anchors; from += 32) {
    const int rank = from + lane;
    unsigned open = __ballot_sync(full_warp, rank < memory.anchors && memory.overlaps[first + rank] > 0);
    while (open != 0) {
      const int next = from + __ffs(static_cast<int>(open)) - 1;
      open &= open - 1;
      const bool stay = stays(memory, first, next, threshold);
      if (lane == 0) memory.survives[first + next] = stay ? 1 : 0;
      __syncwarp();
    }
  }
}

/// What the selection of an image depends on.
struct mining_limits {
  int examples, per_positive, least_negatives;
};

/// Calls body(anchor or -1, selected) for all ranks, a block's width at a time and in order.
template <class Body>
__device__ void each_selected(const mining_memory& memory, std::int64_t image, int limit, int* shared,
                              const Body& body) {
  const std::int64_t first = image * memory.anchors;
  int before = 0;
  for (int from = 0; from < memory.anchors; from += rank_threads) {
    const int rank = from + static_cast<int>(threadIdx.x);
    const rank_key key = rank < memory.anchors ? memory.ranks[image * memory.keys + rank] : no_rank;
    const bool survives = key != no_rank && memory.survives[first + rank] != 0;
    const block_count count = block_count::of(survives, shared);
    body(key == no_rank ? -1 : anchor_of(key), survives && before + count.upto <= limit);
    before += count.total;
  }
}

__global__ __launch_bounds__(rank_threads) void select(mining_memory memory, mining_limits limits, float threshold,
                                                       const int* match, std::uint8_t* kept, mined_counts* counts) {
  __shared__ int shared[33];
  const std::int64_t image = blockIdx.x, first = image * memory.anchors;
  for (int i = static_cast<int>(threadIdx.x); i < memory.anchors; i += rank_threads) {
    memory.survives[first + i] = memory.overlaps[first + i] == 0 ? 1 : 0;
    kept[first + i] = 0;
  }
  __syncthreads();
  if (threadIdx.x < 32) decide_overlapping(memory, first, threshold);
  __syncthreads();

  int positives = 0, selected = 0;
  each_selected(memory, image, limits.examples, shared, [&](int anchor, bool chosen) {
    positives += chosen && match[first + anchor] >= 0 ? 1 : 0;
    selected += chosen ? 1 : 0;
  });
  positives = block_sum(positives, shared);

  const int wanted = limits.per_positive * positives;
  const int most = limits.per_positive <= 0          ? memory.anchors
                   : wanted > limits.least_negatives ? wanted
                                                     : limits.least_negatives;
  int negatives = 0, passed = 0;
  each_selected(memory, image, limits.examples, shared, [&](int anchor, bool chosen) {
    const int m = chosen ? match[first + anchor] : 0;
    const block_count count = block_count::of(chosen && m == unmatched, shared);
    if (chosen && (m >= 0 || negatives + count.upto <= most)) kept[first + anchor] = 1, ++passed;
    negatives += count.total;
  });
  passed = block_sum(passed, shared);
  if (threadIdx.x == 0) counts[image] = {positives, passed - positives};
}

}  // namespace

std::int64_t mining_scratch_bytes(int batch, int anchors) { return mining_memory(nullptr, batch, anchors).bytes; }

void mine(cudaStream_t stream, const hard_example_miner& how, int batch, int anchors, const boxf* boxes,
          const float* losses, const int* match, void* scratch, std::uint8_t* kept, mined_counts* counts) {
  if (batch == 0 || anchors == 0) return;
  const mining_memory memory(scratch, batch, anchors);
  const auto images = static_cast<unsigned>(batch);
  const std::size_t bytes =
      memory.keys <= most_shared_keys ? sizeof(rank_key) * static_cast<std::size_t>(memory.keys) : 0;
  if (bytes > 48 * 1024)
    check(cudaFuncSetAttribute(rank_anchors, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
          "shared memory");
  rank_anchors<<<images, rank_threads, bytes, stream>>>(memory, boxes, losses);
  check_launch("rank_anchors");
  const auto blocks = static_cast<unsigned>((anchors + pair_threads - 1) / pair_threads);
  find_overlaps<<<dim3(blocks, images), pair_threads, 0, stream>>>(memory, how.iou_threshold);
  check_launch("find_overlaps");
  const mining_limits limits{how.num_hard_examples > 0 ? how.num_hard_examples : anchors,
                             how.max_negatives_per_positive, how.min_negatives_per_image};
  select<<<images, rank_threads, 0, stream>>>(memory, limits, how.iou_threshold, match, kept, counts);
  check_launch("mining");
}

}  // namespace odt::cuda
