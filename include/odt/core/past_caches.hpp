// SPDX-License-Identifier: MIT
// Stores of vectors to memory past the caches, for what nobody reads soon. Where they lie is on a vector's boundary. A
// thread that made some calls finish_stores() before others read.
#pragma once

#if defined(__AVX__)
#include <odt/core/intrinsics.hpp>
#endif

namespace odt {

#if defined(__AVX512F__)
inline void store_past_caches(float* to, __m512 values) { _mm512_stream_ps(to, values); }
#endif
#if defined(__AVX__)
inline void store_past_caches(float* to, __m256 values) { _mm256_stream_ps(to, values); }
#endif

inline void finish_stores() {
#if defined(__AVX__)
  _mm_sfence();
#endif
}

}  // namespace odt
