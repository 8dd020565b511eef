// SPDX-License-Identifier: MIT
// The order that Python's `random.seed(seed); random.shuffle(list)` gives a list (CPython 3): the API's converters
// split their data so, and whoever splits it otherwise cannot compare with what was trained on theirs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace odt {

/// The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998) as CPython seeds it with a number below 2^32.
class python_random {
 public:
  explicit python_random(std::uint32_t seed);

  /// A number below `limit`, which is at least 1: the topmost bits, drawn again until they are.
  std::uint32_t below(std::uint32_t limit);

 private:
  std::uint32_t next();
  void refill();

  static constexpr std::size_t words = 624;
  std::array<std::uint32_t, words> state_{};
  std::size_t at_ = words;
};

/// Puts the elements into Python's order.
template <class T>
void python_shuffle(std::vector<T>& list, std::uint32_t seed) {
  python_random random(seed);
  for (std::size_t i = list.size(); i > 1; --i) {
    const std::size_t j = random.below(static_cast<std::uint32_t>(i));
    if (j != i - 1) std::swap(list[i - 1], list[j]);
  }
}

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/python_shuffle.ipp>
#endif
