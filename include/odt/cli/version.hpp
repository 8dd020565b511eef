// SPDX-License-Identifier: MIT
// What `odt --version` prints.
#pragma once

#include <odt/detector.hpp>

#include <span>
#include <string>

namespace odt::detail::cli {

std::string version_text(std::span<const detector_type> detectors);

}  // namespace odt::detail::cli

#if defined(ODT_HEADER_ONLY)
#include <odt/cli/version.ipp>
#endif
