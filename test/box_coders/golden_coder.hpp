// SPDX-License-Identifier: MIT
// A coder against the API's codes, for numbers and for SIMD vectors.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/exec/cpu/machine/simd.hpp>

#include <boxes.hpp>

namespace odt::test {

inline box<cpu::vec> broadcast(const boxf& b) { return {b.ymin, b.xmin, b.ymax, b.xmax}; }

inline float first(const cpu::vec& v) {
  float values[cpu::lanes];
  cpu::store(values, v);
  for (const float value : values) BOOST_REQUIRE(value == values[0] || std::isnan(value));
  return values[0];
}

inline boxf first(const box<cpu::vec>& b) { return {first(b.ymin), first(b.xmin), first(b.ymax), first(b.xmax)}; }

/// Compares encode, decode and decode(encode) with a case; with Vector, every value is a whole SIMD vector.
template <bool Vector, box_coder Coder>
void check_coder(const Coder& coder, const golden_case& c) {
  const auto encode = [&](const boxf& b, const boxf& a) {
    box_code<Coder, float> code;
    if constexpr (Vector) {
      const auto codes = coder.encode(broadcast(b), broadcast(a));
      for (std::size_t k = 0; k < code.size(); ++k) code[k] = first(codes[k]);
    } else {
      code = coder.encode(b, a);
    }
    return code;
  };
  const auto decode = [&](const box_code<Coder, float>& code, const boxf& a) {
    if constexpr (Vector) {
      box_code<Coder, cpu::vec> codes;
      for (std::size_t k = 0; k < code.size(); ++k) codes[k] = cpu::vec(code[k]);
      return first(coder.decode(codes, broadcast(a)));
    } else {
      return coder.decode(code, a);
    }
  };
  const std::vector<boxf> boxes = to_boxes(c.in("boxes")), anchors = to_boxes(c.in("anchors"));
  const std::vector<float> codes = c.in("codes").template as<float>();
  std::vector<float> encoded;
  std::vector<boxf> decoded, decoded_encoded;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const auto code = encode(boxes[i], anchors[i]);
    encoded.insert(encoded.end(), code.begin(), code.end());
    decoded_encoded.push_back(decode(code, anchors[i]));
  }
  for (std::size_t i = 0; i * Coder::code_size < codes.size(); ++i) {
    box_code<Coder, float> code;
    std::copy_n(codes.begin() + static_cast<std::ptrdiff_t>(i * Coder::code_size), code.size(), code.begin());
    decoded.push_back(decode(code, anchors[i]));
  }
  check_close(encoded, c.out("encoded"), c, "encoded");
  check_close(to_floats(decoded), c.out("decoded"), c, "decoded");
  check_close(to_floats(decoded_encoded), c.out("decoded_encoded"), c, "decoded_encoded");
}

/// A scale of the case, or 1 where the case has none.
inline float scale_of(const golden_case& c, const char* field) { return c.params().value(field, 1.0f); }

}  // namespace odt::test
