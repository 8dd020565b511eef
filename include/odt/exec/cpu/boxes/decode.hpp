// SPDX-License-Identifier: MIT
// Boxes from the codes that a network predicts.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/exec/cpu/machine/simd.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Decodes the code that `code_of(i)` points at against anchor i.
template <box_coder BoxCoder, class CodeOf>
  requires std::is_invocable_r_v<const float*, const CodeOf&, std::size_t>
void decode_boxes(const BoxCoder& coder, const CodeOf& code_of, std::span<const boxf> anchors, boxf* out) {
  constexpr std::size_t code_size = BoxCoder::code_size;
  const auto row = [](auto& table, std::size_t k) { return load(table[k]); };
  for (std::size_t begin = 0; begin < anchors.size(); begin += lanes) {
    const std::size_t count = std::min<std::size_t>(lanes, anchors.size() - begin);
    alignas(64) float code[code_size][lanes] = {}, corner[4][lanes] = {};
    for (std::size_t i = 0; i < count; ++i) {
      const float* const own = code_of(begin + i);
      for (std::size_t k = 0; k < code_size; ++k) code[k][i] = own[k];
      const boxf& a = anchors[begin + i];
      corner[0][i] = a.ymin, corner[1][i] = a.xmin, corner[2][i] = a.ymax, corner[3][i] = a.xmax;
    }
    box_code<BoxCoder, vec> vectors;
    for (std::size_t k = 0; k < code_size; ++k) vectors[k] = row(code, k);
    const box<vec> decoded =
        coder.decode(vectors, box<vec>{row(corner, 0), row(corner, 1), row(corner, 2), row(corner, 3)});
    store(corner[0], decoded.ymin);
    store(corner[1], decoded.xmin);
    store(corner[2], decoded.ymax);
    store(corner[3], decoded.xmax);
    for (std::size_t i = 0; i < count; ++i) out[begin + i] = {corner[0][i], corner[1][i], corner[2][i], corner[3][i]};
  }
}

/// Decodes code i against anchor i. `codes` is [anchors, code_size].
template <box_coder BoxCoder>
void decode_boxes(const BoxCoder& coder, const float* codes, std::span<const boxf> anchors, boxf* out) {
  decode_boxes(
      coder, [codes](std::size_t i) { return codes + i * BoxCoder::code_size; }, anchors, out);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
