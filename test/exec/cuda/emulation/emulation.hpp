// SPDX-License-Identifier: MIT
// CUDA's execution model on the CPU, so that the kernels' own source is tested where no GPU is: translate.py makes C++
// of it, this file supplies what is left of CUDA, and emulation.cpp runs it.
//
// A block's threads are fibres that take turns; __syncthreads and the operations of a warp are where they wait for each
// other. Blocks and launches run one after another, in order. Every array in dynamic shared memory and every device
// array is an allocation of its own size, so that sanitizers see what lies beside it. Copies of cp.async arrive as late
// as they may: when they are waited for. What is not emulated: blocks side by side, streams side by side, time, and the
// order in which a warp's lanes really run.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <tuple>
#include <utility>

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __launch_bounds__
#undef __grid_constant__
#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)
#define __grid_constant__

namespace odt::emulation {

/// Where the running thread is.
const uint3& thread_index();
const uint3& block_index();
const dim3& block_size();
const dim3& grid_size();
/// The number of the running thread in its warp.
int lane();

/// This block's.
void* dynamic_shared();

/// All threads of the block that have not returned; all of the warp.
void synchronize_block();
void synchronize_warp();

/// 16 bytes, or zeros; see instructions.cuh.
void copy_later(void* to, const void* from, bool there);
void end_group();
void finish_groups(std::size_t open);

/// What every lane of the warp shows to the others: 64 bytes each.
std::byte* shown_by(int lane);

/// Runs a kernel's threads, or keeps them for the graph that is being captured.
void run_or_capture(dim3 grid, dim3 block, std::size_t shared_bytes, std::function<void()> kernel);

/// The arguments are copied now, as by a launch.
template <class Kernel, class... Arguments>
void launch(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t, const Kernel& kernel,
            const Arguments&... arguments) {
  run_or_capture(grid, block, shared_bytes,
                 [kernel, all = std::tuple<Arguments...>(arguments...)] { std::apply(kernel, all); });
}

/// Every lane of the warp gives a value and reads all of them: body(lane, its value).
template <class T, class Body>
void share(const T& value, const Body& body) {
  static_assert(sizeof(T) <= 64);
  std::memcpy(shown_by(lane()), &value, sizeof value);
  synchronize_warp();
  for (int i = 0; i < 32; ++i) {
    T each;
    std::memcpy(&each, shown_by(i), sizeof each);
    body(i, each);
  }
  synchronize_warp();
}

}  // namespace odt::emulation

#define threadIdx odt::emulation::thread_index()
#define blockIdx odt::emulation::block_index()
#define blockDim odt::emulation::block_size()
#define gridDim odt::emulation::grid_size()

inline void __syncthreads() { odt::emulation::synchronize_block(); }
inline void __syncwarp() { odt::emulation::synchronize_warp(); }

template <class T>
T __shfl_xor_sync(unsigned, T value, int apart) {
  const int from = odt::emulation::lane() ^ apart;
  T result{};
  odt::emulation::share(value, [&](int lane, const T& each) {
    if (lane == from) result = each;
  });
  return result;
}
inline unsigned __ballot_sync(unsigned, bool yes) {
  using namespace odt::emulation;
  unsigned votes = 0;
  share(yes, [&](int lane, bool each) { votes |= static_cast<unsigned>(each) << lane; });
  return votes;
}
inline int __any_sync(unsigned warp, bool yes) { return __ballot_sync(warp, yes) != 0; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }

inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline unsigned long long atomicMax(unsigned long long* at, unsigned long long value) {
  return std::exchange(*at, value > *at ? value : *at);
}

inline int atomicAdd(int* at, int value) { return std::exchange(*at, *at + value); }

template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute, int) {
  return cudaSuccess;
}

using std::isfinite;
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }

namespace odt::cuda {
inline float max_nan(float a, float b) { return a != a || b != b ? NAN : a > b ? a : b; }
inline float min_nan(float a, float b) { return a != a || b != b ? NAN : a < b ? a : b; }
}  // namespace odt::cuda

namespace odt::emulation {
template <class Choose>
__nv_bfloat162 both(const __nv_bfloat162& a, const __nv_bfloat162& b, const Choose& choose) {
  return __floats2bfloat162_rn(choose(__bfloat162float(a.x), __bfloat162float(b.x)),
                               choose(__bfloat162float(a.y), __bfloat162float(b.y)));
}
}  // namespace odt::emulation
#define __hmax2_nan(a, b) odt::emulation::both(a, b, odt::cuda::max_nan)
#define __hmin2_nan(a, b) odt::emulation::both(a, b, odt::cuda::min_nan)
