// SPDX-License-Identifier: MIT
// What odt/exec/cuda/machine/instructions.cuh declares, emulated.
#pragma once

#include "exec/cuda/emulation/emulation.hpp"

#include <odt/exec/cuda/machine/tensor.hpp>

#include <cstdint>
#include <stdexcept>

namespace odt::cuda {

inline void copy_16(void* to, const void* from, bool there) { emulation::copy_later(to, from, there); }
inline void commit_copies() { emulation::end_group(); }
template <int Open>
void wait_for_copies() {
  emulation::finish_groups(Open);
}

namespace detail {

inline unsigned pair_of(bf16 low, bf16 high) {
  std::uint16_t bits[2];
  std::memcpy(bits, &low, 2), std::memcpy(bits + 1, &high, 2);
  return bits[0] | static_cast<unsigned>(bits[1]) << 16;
}

/// Lane l of matrix i holds elements 2*(l % 4) and the next of row l / 4, or, transposed, of column l / 4.
inline void load_four(unsigned (&r)[4], const bf16* from, bool transposed) {
  if (reinterpret_cast<std::uintptr_t>(from) % 16 != 0) throw std::logic_error("ldmatrix: a row is not aligned");
  const int lane = emulation::lane(), row = lane / 4, column = lane % 4 * 2;
  emulation::share(from, [&](int i, const bf16* at) {
    const int in_matrix = i % 8;
    unsigned& to = r[i / 8];
    if (!transposed && in_matrix == row) to = pair_of(at[column], at[column + 1]);
    if (transposed && in_matrix == column) to = pair_of(at[row], bf16{});
    if (transposed && in_matrix == column + 1) to |= pair_of(bf16{}, at[row]);
  });
}

/// Elements k and k + 1 of a word of two.
inline void unpack(unsigned word, float* to) {
  to[0] = __uint_as_float(word << 16), to[1] = __uint_as_float(word & 0xffff0000u);
}

}  // namespace detail

inline void load_matrices(unsigned (&r)[4], const bf16* from) { detail::load_four(r, from, false); }
inline void load_matrices_transposed(unsigned (&r)[4], const bf16* from) { detail::load_four(r, from, true); }

/// Lane l holds of a (16x16): rows l / 4 and 8 further, columns 2*(l % 4) and 8 further; of b (16x8): rows 2*(l % 4)
/// and 8 further, column l / 4; of c (16x8): rows l / 4 and 8 further, columns 2*(l % 4).
inline void multiply_add(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  const unsigned own[6] = {a[0], a[1], a[2], a[3], b0, b1};
  const int lane = emulation::lane(), m = lane / 4, n = 2 * (lane % 4);
  std::memcpy(emulation::shown_by(lane), own, sizeof own);
  emulation::synchronize_warp();
  float left[2][16], right[2][16];
  for (int j = 0; j < 4; ++j)
    for (int half = 0; half < 2; ++half) {
      unsigned of_a[6], of_b[6];
      std::memcpy(of_a, emulation::shown_by(4 * m + j), sizeof of_a);
      std::memcpy(of_b, emulation::shown_by(4 * (n + half) + j), sizeof of_b);
      detail::unpack(of_a[half], left[half] + 2 * j), detail::unpack(of_a[2 + half], left[half] + 8 + 2 * j);
      detail::unpack(of_b[4], right[half] + 2 * j), detail::unpack(of_b[5], right[half] + 8 + 2 * j);
    }
  for (int e = 0; e < 4; ++e)
    for (int k = 0; k < 16; ++k) c[e] += left[e / 2][k] * right[e % 2][k];
  emulation::synchronize_warp();
}

}  // namespace odt::cuda
