// SPDX-License-Identifier: MIT
// Short numbers that tell two contents apart (Fowler, Noll and Vo's hash, FNV-1a with 64 bits); not for secrets.
#pragma once

#include <cstdint>
#include <string_view>

namespace odt {

/// Of nothing yet.
inline constexpr std::uint64_t empty_fingerprint = 0xCBF29CE484222325u;

/// Of what `before` stands for and one word more.
constexpr std::uint64_t fingerprint(std::uint64_t before, std::uint64_t word) {
  return (before ^ word) * 0x100000001B3u;
}

/// Of what `before` stands for and these bytes more.
constexpr std::uint64_t fingerprint(std::uint64_t before, std::string_view bytes) {
  for (const char c : bytes) before = fingerprint(before, static_cast<unsigned char>(c));
  return before;
}

}  // namespace odt
