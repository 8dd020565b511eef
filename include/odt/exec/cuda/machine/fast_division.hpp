// SPDX-License-Identifier: MIT
// Division by a number that is known when a kernel is launched: a multiplication and a shift (Granlund and Montgomery,
// "Division by invariant integers using multiplication", PLDI'94).
#pragma once

#include <odt/core/target.hpp>

#include <cstdint>

namespace odt::cuda {

/// Divides numbers in [0, 2^31) by a divisor in [1, 2^31).
class fast_division {
 public:
  fast_division() = default;
  explicit fast_division(int divisor) : divisor_(divisor) {
    while (shift_ < 31 && (std::int64_t{1} << shift_) < divisor) ++shift_;
    factor_ =
        static_cast<std::uint32_t>(((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift_) - divisor)) / divisor + 1);
  }

  ODT_HD int divisor() const { return divisor_; }
  ODT_HD int quotient(int n) const {
    const auto x = static_cast<std::uint32_t>(n);
    const auto high = static_cast<std::uint32_t>((std::uint64_t{x} * factor_) >> 32);
    return static_cast<int>((std::uint64_t{high} + x) >> shift_);
  }
  ODT_HD int remainder(int n, int quotient) const { return n - quotient * divisor_; }

 private:
  int divisor_ = 1;
  std::uint32_t factor_ = 1;
  int shift_ = 0;
};

}  // namespace odt::cuda
