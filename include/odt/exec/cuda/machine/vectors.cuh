// SPDX-License-Identifier: MIT
// Eight channels at a time, as floats in registers, whatever the type in memory; and one at a time where channels or
// addresses are no multiples of eight.
#pragma once

#include <odt/exec/cuda/machine/instructions.cuh>
#include <odt/exec/cuda/machine/tensor.hpp>

namespace odt::cuda {

inline constexpr int vector_channels = 8;

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(bf16 x) { return __bfloat162float(x); }

template <class T>
__device__ T from_float(float x) {
  if constexpr (sizeof(T) == 2)
    return __float2bfloat16_rn(x);
  else
    return x;
}

/// `Count` numbers of one vector.
template <int Count>
struct floats {
  float at[Count];
  __device__ float& operator[](int i) { return at[i]; }
  __device__ const float& operator[](int i) const { return at[i]; }
};

/// Loads Count (1, 2, 4 or 8) neighbours; the address is a multiple of their size, 16 bytes at most.
template <int Count, class T>
__device__ floats<Count> load(const T* from) {
  floats<Count> r;
  if constexpr (Count == 1) {
    r[0] = to_float(*from);
  } else if constexpr (sizeof(T) == 4) {
    if constexpr (Count == 2) {
      const float2 v = *reinterpret_cast<const float2*>(from);
      r[0] = v.x, r[1] = v.y;
    } else {
#pragma unroll
      for (int i = 0; i < Count; i += 4) {
        const float4 v = *reinterpret_cast<const float4*>(from + i);
        r[i] = v.x, r[i + 1] = v.y, r[i + 2] = v.z, r[i + 3] = v.w;
      }
    }
  } else {
    unsigned words[Count / 2];
    if constexpr (Count == 2) {
      words[0] = *reinterpret_cast<const unsigned*>(from);
    } else if constexpr (Count == 4) {
      const uint2 v = *reinterpret_cast<const uint2*>(from);
      words[0] = v.x, words[1] = v.y;
    } else {
      const uint4 v = *reinterpret_cast<const uint4*>(from);
      words[0] = v.x, words[1] = v.y, words[2] = v.z, words[3] = v.w;
    }
#pragma unroll
    for (int i = 0; i < Count / 2; ++i) {
      r[2 * i] = __uint_as_float(words[i] << 16);
      r[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    }
  }
  return r;
}

__device__ inline unsigned pack_bf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&pair);
}

/// Stores what `load` loads.
template <int Count, class T>
__device__ void store(T* to, const floats<Count>& v) {
  if constexpr (Count == 1) {
    *to = from_float<T>(v[0]);
  } else if constexpr (sizeof(T) == 4) {
    if constexpr (Count == 2) {
      *reinterpret_cast<float2*>(to) = {v[0], v[1]};
    } else {
#pragma unroll
      for (int i = 0; i < Count; i += 4) *reinterpret_cast<float4*>(to + i) = {v[i], v[i + 1], v[i + 2], v[i + 3]};
    }
  } else {
    if constexpr (Count == 2)
      *reinterpret_cast<unsigned*>(to) = pack_bf16(v[0], v[1]);
    else if constexpr (Count == 4)
      *reinterpret_cast<uint2*>(to) = {pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3])};
    else
      *reinterpret_cast<uint4*>(to) = {pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]),
                                       pack_bf16(v[6], v[7])};
  }
}

/// A `pending` for Count channels from `channel` on, in registers.
template <int Count>
struct affine {
  floats<Count> scale, shift;
  float low, high;

  __device__ affine(const pending& p, int channel) : low(p.low), high(p.high) {
#pragma unroll
    for (int i = 0; i < Count; ++i) {
      scale[i] = p.scale ? p.scale[channel + i] : 1.0f;
      shift[i] = p.scale ? p.shift[channel + i] : 0.0f;
    }
  }

  /// x*scale + shift, before the clamp.
  __device__ float raw(float x, int i) const { return fmaf(x, scale[i], shift[i]); }
  __device__ float operator()(float x, int i) const { return min_nan(max_nan(raw(x, i), low), high); }
  /// Whether the clamp lets a gradient through.
  __device__ bool open(float x, int i) const {
    const float y = raw(x, i);
    return y > low && y < high;
  }
};

}  // namespace odt::cuda
