// SPDX-License-Identifier: MIT
// What a dropout keeps, as operations of a module: the CPU's random stream (core/random.hpp), of all elements at once.
#pragma once

#include <odt/exec/pjrt/module_builder.hpp>
#include <odt/exec/pjrt/network_trace.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace odt::pjrt {

namespace detail {

/// Tensors of random words: odt::philox of counters that are tensors of one shape.
class traced_philox {
 public:
  using words = std::array<tensor, 4>;

  explicit traced_philox(module_builder& m)
      : m_(m), a_(m.integer(element_type::u64, 0xD2511F53u)), b_(m.integer(element_type::u64, 0xCD9E8D57u)) {}

  words operator()(words counter, std::uint64_t seed) const {
    std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
    for (int round = 0; round < 10; ++round) {
      const auto [a_high, a_low] = product(a_, counter[0]);
      const auto [b_high, b_low] = product(b_, counter[2]);
      counter = {mixed(b_high, counter[1], key[0]), b_low, mixed(a_high, counter[3], key[1]), a_low};
      key[0] += 0x9E3779B9u;
      key[1] += 0xBB67AE85u;
    }
    return counter;
  }

 private:
  std::pair<tensor, tensor> product(const tensor& factor, const tensor& word) const {
    const tensor wide = m_.binary("multiply", m_.convert(word, element_type::u64), factor);
    const tensor high = m_.binary("shift_right_logical", wide, m_.integer(element_type::u64, 32));
    return {m_.convert(high, element_type::u32), m_.convert(wide, element_type::u32)};
  }
  tensor mixed(const tensor& a, const tensor& b, std::uint32_t key) const {
    return m_.binary("xor", m_.binary("xor", a, b), m_.integer(element_type::u32, key));
  }

  module_builder& m_;
  tensor a_, b_;
};

}  // namespace detail

/// 1 / keep where cpu::dropout of a map of that shape keeps an element, else 0.
inline tensor trace_dropout(module_builder& m, const traced_dropout_key& key, int layer, float keep,
                            const extents& shape) {
  constexpr std::int64_t words = 4;
  constexpr std::uint64_t stage = 0x80000000u, layers = 4096;
  const std::int64_t lines = shape[0] * shape[1], line = shape[2] * shape[3], draws = (line + words - 1) / words;
  const auto word = [&](std::uint64_t value) { return m.integer(element_type::u32, value); };
  const auto whole = [&](const tensor& number) { return m.convert(number, element_type::u32); };
  // The stream's number is step * layers + layer: the step's low bits and the layer's are one word.
  static_assert(layers << traced_dropout_key::low_bits == std::uint64_t{1} << 32);
  const tensor low =
      m.binary("add", m.binary("multiply", whole(key.low), word(layers)), word(static_cast<std::uint64_t>(layer)));
  const tensor chunk = m.binary("add", m.iota({lines, draws}, 0, element_type::u32), word(stage));
  const extents all{lines, draws};
  const detail::traced_philox::words drawn = detail::traced_philox(m)(
      {m.iota(all, 1, element_type::u32), chunk, m.broadcast(low, all), m.broadcast(whole(key.high), all)}, key.seed);
  std::vector<tensor> columns;
  for (const tensor& w : drawn) columns.push_back(m.reshape(w, {lines, draws, 1}));
  const tensor bits = m.slice(m.reshape(m.concatenate(columns, 2), {lines, draws * words}), {0, 0}, {lines, line});
  const double threshold = std::ceil(static_cast<double>(keep) * 0x1p32);
  const tensor kept = m.compare("LT", m.convert(bits, element_type::u64),
                                m.integer(element_type::u64, static_cast<std::uint64_t>(threshold)));
  return m.reshape(m.select(kept, m.number(1.0f / keep), m.number(0)), shape);
}

}  // namespace odt::pjrt
