// SPDX-License-Identifier: MIT
// Where a function may run and where it is compiled.
#pragma once

/// Marks a function of a policy that runs on the host and inside CUDA kernels alike.
#if defined(__CUDACC__)
#define ODT_HD __host__ __device__
#else
#define ODT_HD
#endif

/// Marks the definitions in `.ipp` files. They are compiled once, into odt::support, unless ODT_HEADER_ONLY
/// asks for all of them in every translation unit.
#if defined(ODT_HEADER_ONLY)
#define ODT_INLINE inline
#else
#define ODT_INLINE
#endif
