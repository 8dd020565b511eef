// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace odt {

inline constexpr std::string_view version = "0.2.0";

}  // namespace odt
