// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/fingerprint.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
#include <odt/serve/version_scan.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <system_error>

namespace odt::serve {

namespace detail::scanning {

namespace fs = std::filesystem;

ODT_INLINE std::chrono::system_clock::time_point to_system(fs::file_time_type time) {
  return std::chrono::time_point_cast<std::chrono::system_clock::duration>(std::chrono::file_clock::to_sys(time));
}

/// Files that come and go while they are looked at are no errors: the next look tells.
ODT_INLINE void take_file(found_version& into, const fs::path& path) {
  std::error_code gone;
  const auto time = fs::last_write_time(path, gone);
  if (gone) return;
  const auto size = fs::is_directory(path, gone) ? 0 : fs::file_size(path, gone);
  const std::string entry = str(path.filename().string(), "|", size, "|", time.time_since_epoch().count(), "\n");
  into.fingerprint = fingerprint(into.fingerprint, entry);
  into.changed = std::max(into.changed, to_system(time));
}

ODT_INLINE std::vector<fs::path> entries(const std::string& directory) {
  std::error_code wrong;
  std::vector<fs::path> paths;
  fs::directory_iterator at(directory, wrong);
  for (; !wrong && at != fs::directory_iterator(); at.increment(wrong)) paths.push_back(at->path());
  if (wrong) fail(directory, ": ", wrong.message());
  std::ranges::sort(paths);
  return paths;
}

/// An export's directory is whole when its config and its checkpoint are; what is copied in between ends with either.
ODT_INLINE found_version export_version(std::int64_t number, const std::string& directory) {
  found_version found{.version = number, .checkpoint = directory};
  take_file(found, directory);
  bool index = false, data = false, other = false;
  for (const fs::path& path : entries(directory)) {
    take_file(found, path);
    const std::string name = path.filename().string();
    index |= name.ends_with(".index");
    data |= name.find(".data-") != name.npos;
    other |= name.ends_with(".pb") || name.ends_with(".safetensors") || name.ends_with(".pth") || name == "saved_model";
  }
  if (!file_exists(join_path(directory, "pipeline.config")))
    found.missing = "pipeline.config";
  else if (index != data || (!index && !other))
    found.missing = "a checkpoint (model.ckpt.index and model.ckpt.data-*)";
  return found;
}

/// A checkpoint's index is written last.
ODT_INLINE std::vector<found_version> checkpoint_versions(const std::vector<fs::path>& paths) {
  std::vector<found_version> all;
  for (const fs::path& path : paths) {
    if (path.extension() != ".index") continue;
    const std::string prefix = fs::path(path).replace_extension().string();
    const auto step = checkpoint_step(prefix);
    if (!step || *step < 0) continue;
    found_version found{.version = *step, .checkpoint = prefix};
    take_file(found, path);
    const std::string stem = fs::path(prefix).filename().string() + ".data-";
    for (const fs::path& other : paths)
      if (other.filename().string().starts_with(stem)) take_file(found, other);
    all.push_back(std::move(found));
  }
  return all;
}

}  // namespace detail::scanning

ODT_INLINE std::optional<std::int64_t> version_number(std::string_view name) {
  std::int64_t number = 0;
  const char* const end = name.data() + name.size();
  if (name.empty() || name.front() < '0' || name.front() > '9') return std::nullopt;
  const auto [stop, problem] = std::from_chars(name.data(), end, number);
  if (problem != std::errc{} || stop != end) return std::nullopt;
  return number;
}

ODT_INLINE std::vector<found_version> scan_versions(const std::string& base_path) {
  namespace d = detail::scanning;
  std::vector<found_version> found;
  const std::vector<std::filesystem::path> paths = d::entries(base_path);
  for (const auto& path : paths)
    if (const auto number = version_number(path.filename().string()); number && is_directory(path.string()))
      found.push_back(d::export_version(*number, path.string()));
  if (found.empty()) found = d::checkpoint_versions(paths);
  std::ranges::stable_sort(found, {}, &found_version::version);
  const auto twice = std::ranges::unique(found, {}, &found_version::version);  // 7 and 007
  found.erase(twice.begin(), twice.end());
  return found;
}

}  // namespace odt::serve
