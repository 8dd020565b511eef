// SPDX-License-Identifier: MIT
// Copies from device memory to shared memory that go on while the block computes (cp.async, sm_80 and newer), in
// groups that complete in order.
#pragma once

#include <odt/exec/cuda/machine/instructions.cuh>
#include <odt/exec/cuda/machine/vectors.cuh>

namespace odt::cuda {

/// Eight elements.
template <class T>
__device__ void copy_eight(T* to, const T* from, bool there) {
#pragma unroll
  for (int i = 0; i < static_cast<int>(8 * sizeof(T) / 16); ++i)
    copy_16(reinterpret_cast<char*>(to) + 16 * i, reinterpret_cast<const char*>(from) + 16 * i, there);
}

/// A transform of eight channels, loaded before its numbers arrive.
struct eight_transform {
  float4 scale[2], shift[2];
  float low, high;

  /// Tables are 16-byte aligned, if there are any.
  __device__ eight_transform(const pending& p, int channel) : low(p.low), high(p.high) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      scale[i] = p.scale ? reinterpret_cast<const float4*>(p.scale + channel)[i] : float4{1, 1, 1, 1};
      shift[i] = p.scale ? reinterpret_cast<const float4*>(p.shift + channel)[i] : float4{0, 0, 0, 0};
    }
  }

  __device__ void apply(float* at) const {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float4 v = reinterpret_cast<float4*>(at)[i];
      v.x = clamp(fmaf(v.x, scale[i].x, shift[i].x)), v.y = clamp(fmaf(v.y, scale[i].y, shift[i].y));
      v.z = clamp(fmaf(v.z, scale[i].z, shift[i].z)), v.w = clamp(fmaf(v.w, scale[i].w, shift[i].w));
      reinterpret_cast<float4*>(at)[i] = v;
    }
  }

  /// Rounds, then clamps: the bounds of activations are bf16 numbers.
  __device__ void apply(bf16* at) const {
    uint4 words = *reinterpret_cast<uint4*>(at);
    words.x = pair(words.x, scale[0].x, scale[0].y, shift[0].x, shift[0].y);
    words.y = pair(words.y, scale[0].z, scale[0].w, shift[0].z, shift[0].w);
    words.z = pair(words.z, scale[1].x, scale[1].y, shift[1].x, shift[1].y);
    words.w = pair(words.w, scale[1].z, scale[1].w, shift[1].z, shift[1].w);
    *reinterpret_cast<uint4*>(at) = words;
  }

 private:
  __device__ float clamp(float x) const { return min_nan(max_nan(x, low), high); }

  __device__ unsigned pair(unsigned two, float s0, float s1, float t0, float t1) const {
    const float a = fmaf(__uint_as_float(two << 16), s0, t0), b = fmaf(__uint_as_float(two & 0xffff0000u), s1, t1);
    const __nv_bfloat162 bounds_low = __float2bfloat162_rn(low), bounds_high = __float2bfloat162_rn(high);
    const __nv_bfloat162 v = __hmin2_nan(__hmax2_nan(__floats2bfloat162_rn(a, b), bounds_low), bounds_high);
    return *reinterpret_cast<const unsigned*>(&v);
  }
};

/// What a thread has to remember of groups on their way: `Bits` of each, first in, first out.
template <int Bits, int Depth>
class bit_queue {
  static_assert(Bits * Depth <= 32);

 public:
  __device__ void push(unsigned bits) { queue_ = queue_ << Bits | bits; }
  /// Of the group that was pushed Depth - 1 groups before the last.
  __device__ unsigned oldest() const { return queue_ >> (Bits * (Depth - 1)) & ((1u << Bits) - 1); }

 private:
  unsigned queue_ = 0;
};

}  // namespace odt::cuda
