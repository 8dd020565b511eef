// SPDX-License-Identifier: MIT
// Which versions of a model lie at its path.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odt::serve {

/// A version as it lies there.
struct found_version {
  std::int64_t version = 0;
  std::string checkpoint{};       ///< what a model_source takes
  std::uint64_t fingerprint = 0;  ///< of its files' names, sizes and times: changes while they are being copied
  std::chrono::system_clock::time_point changed{};  ///< last, any of its files or its directory
  std::string missing{};                            ///< what is not there yet; empty: all is
};

/// The number that a directory's name is: "00000123", not "-1", "12a" or what does not fit.
std::optional<std::int64_t> version_number(std::string_view name);

/// Rising. A base path may be
///  - a directory of numbered ones, each an export (odt export's directory: model.ckpt.*, pipeline.config): others in
///  it
///    are passed over;
///  - a model_dir: its checkpoints model.ckpt-N, by their steps.
/// Nothing where it has neither; an error where it cannot be read.
std::vector<found_version> scan_versions(const std::string& base_path);

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/version_scan.ipp>
#endif
