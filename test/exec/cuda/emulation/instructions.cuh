// SPDX-License-Identifier: MIT
// What odt/exec/cuda/instructions.cuh declares, emulated.
#pragma once

#include "exec/cuda/emulation/emulation.hpp"

#include <odt/exec/cuda/tensor.hpp>

#include <array>
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

inline float half_of(unsigned word, int high) { return __uint_as_float(high ? word & 0xffff0000u : word << 16); }

}  // namespace detail

inline void load_matrices(unsigned (&r)[4], const bf16* from) { detail::load_four(r, from, false); }
inline void load_matrices_transposed(unsigned (&r)[4], const bf16* from) { detail::load_four(r, from, true); }

/// Lane l holds of a (16x16): rows l / 4 and 8 further, columns 2*(l % 4) and 8 further; of b (16x8): rows 2*(l % 4)
/// and 8 further, column l / 4; of c (16x8): rows l / 4 and 8 further, columns 2*(l % 4).
inline void multiply_add(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  using operands = std::array<unsigned, 6>;
  operands of[32];
  emulation::share(operands{a[0], a[1], a[2], a[3], b0, b1}, [&](int i, const operands& each) { of[i] = each; });
  const int lane = emulation::lane();
  const auto word = [&of](int i, int which) { return of[i][static_cast<std::size_t>(which)]; };
  for (int e = 0; e < 4; ++e) {
    const int m = lane / 4 + e / 2 * 8, n = 2 * (lane % 4) + e % 2;
    for (int k = 0; k < 16; ++k) {
      const float left = detail::half_of(word(m % 8 * 4 + k % 8 / 2, m / 8 + 2 * (k / 8)), k % 2);
      const float right = detail::half_of(word(n * 4 + k % 8 / 2, 4 + k / 8), k % 2);
      c[e] += left * right;
    }
  }
}

}  // namespace odt::cuda
