// SPDX-License-Identifier: MIT
// How convolutions multiply.
#pragma once

#include <cstdint>
#include <string_view>

namespace odt {

/// fp32, or operands rounded to bfloat16 (to nearest, ties to even) with products and sums in fp32. Variables, sums,
/// statistics, losses and what lies between the layers are fp32 either way.
enum class precision : std::uint8_t { fp32, bf16 };

constexpr std::string_view name_of(precision p) { return p == precision::fp32 ? "fp32" : "bf16"; }

}  // namespace odt
