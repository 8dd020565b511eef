// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_system.hpp>
#include <odt/io/file_writer.hpp>
#include <odt/io/local_file_system.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

namespace odt {

namespace detail::file {

ODT_INLINE std::string unfinished_mark() { return str(".tmp-", host_name(), "-"); }

/// Of "PROCESS-SERIAL"; 0 when the text is something else, as behind the mark of a host whose name is longer.
ODT_INLINE pid_t process_of(std::string_view text) {
  pid_t process = 0;
  unsigned serial = 0;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, process);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-') return 0;
  const auto second = std::from_chars(first.ptr + 1, end, serial);
  return second.ec == std::errc{} && second.ptr == end ? process : 0;
}

ODT_INLINE std::vector<std::string> split_patterns(const std::string& text) {
  if (file_exists(text)) return {text};
  std::vector<std::string> patterns;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    std::string pattern = text.substr(start, comma - start);
    while (!pattern.empty() && std::isspace(static_cast<unsigned char>(pattern.front()))) pattern.erase(0, 1);
    while (!pattern.empty() && std::isspace(static_cast<unsigned char>(pattern.back()))) pattern.pop_back();
    if (!pattern.empty()) patterns.push_back(std::move(pattern));
    start = comma + 1;
  }
  return patterns;
}

/// The glob of a sharded set "name@10": name-?????-of-00010. Other patterns, and a file of that name, stay.
ODT_INLINE std::string of_shards(const std::string& pattern) {
  const auto at = pattern.rfind('@');
  int shards = 0;
  if (at == std::string::npos || at == 0 || pattern.size() - at > 6) return pattern;
  const char* const end = pattern.data() + pattern.size();
  const auto number = std::from_chars(pattern.data() + at + 1, end, shards);
  if (number.ec != std::errc{} || number.ptr != end || shards < 1 || file_exists(pattern)) return pattern;
  const std::string last = shard_name("", shards, shards);
  return str(pattern.substr(0, at), "-?????", last.substr(last.find("-of-")));
}

/// Splits "name-00003-of-00010" into ("name-?-of-00010", 3, 10); 0 shards when the name is not of that form.
struct shard_parts {
  std::string set;
  int shard = 0, shards = 0;
};

ODT_INLINE shard_parts parse_shard(const std::string& path) {
  const auto of = path.rfind("-of-");
  if (of == std::string::npos) return {};
  const auto dash = of == 0 ? std::string::npos : path.rfind('-', of - 1);
  if (dash == std::string::npos) return {};
  shard_parts parts;
  const char* const begin = path.data();
  const auto shard = std::from_chars(begin + dash + 1, begin + of, parts.shard);
  const auto shards = std::from_chars(begin + of + 4, begin + path.size(), parts.shards);
  if (shard.ec != std::errc{} || shard.ptr != begin + of || shards.ec != std::errc{} ||
      shards.ptr != begin + path.size())
    return {};
  parts.set = str(path.substr(0, dash), "-*", path.substr(of));
  return parts;
}

ODT_INLINE void warn_of_missing_shards(const std::vector<std::string>& paths) {
  std::map<std::string, std::pair<int, std::set<int>>> sets;
  for (const std::string& path : paths)
    if (const shard_parts parts = parse_shard(path); parts.shards > 0) {
      sets[parts.set].first = parts.shards;
      sets[parts.set].second.insert(parts.shard);
    }
  for (const auto& [set, members] : sets)
    if (static_cast<int>(members.second.size()) < members.first)
      warn(set, ": only ", members.second.size(), " of ", members.first, " shards are there");
}

}  // namespace detail::file

ODT_INLINE std::string read_file(const std::string& path) {
  const input_file file(path);
  std::string content(file.size(), '\0');
  content.resize(file.read_some_at(0, content));
  return content;
}

ODT_INLINE std::uint64_t file_size(const std::string& path) {
  const auto status = file_system_of(path).status(path);
  if (!status) return input_file(path).size();  // says why not
  if (!status->is_regular) fail(path, ": is not a regular file");
  return status->size;
}

ODT_INLINE bool file_exists(const std::string& path) {
  const auto status = file_system_of(path).status(path);
  return status && !status->is_directory;
}

ODT_INLINE bool is_directory(const std::string& path) {
  const auto status = file_system_of(path).status(path);
  return status && status->is_directory;
}

ODT_INLINE void make_directories(const std::string& path) { file_system_of(path).make_directories(path); }

ODT_INLINE void remove_file(const std::string& path) { file_system_of(path).remove(path); }

ODT_INLINE std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

ODT_INLINE std::string unfinished_name(const std::string& path) {
  static std::atomic<unsigned> serial{0};
  const auto slash = path.rfind('/') + 1;
  return str(path.substr(0, slash), ".", path.substr(slash), detail::file::unfinished_mark(),
             static_cast<int>(::getpid()), "-", serial.fetch_add(1));
}

ODT_INLINE int remove_unfinished(const std::string& directory) {
  if (is_remote(directory)) return 0;  // what is not finished there has no name
  int removed = 0;
  const std::string mark = detail::file::unfinished_mark();
  std::error_code code;
  for (std::filesystem::directory_iterator at(directory, code), end; !code && at != end; at.increment(code)) {
    const std::string name = at->path().filename().string();
    const auto found = name.rfind(mark);
    if (!name.starts_with('.') || found == std::string::npos) continue;
    const pid_t process = detail::file::process_of(std::string_view(name).substr(found + mark.size()));
    if (process <= 0 || ::kill(process, 0) == 0 || errno != ESRCH) continue;
    remove_file(at->path().string());
    ++removed;
  }
  return removed;
}

ODT_INLINE std::string join_path(std::string_view directory, std::string_view name) {
  if (directory.empty() || name.starts_with('/') || is_remote(name)) return std::string(name);
  return str(directory, directory.ends_with('/') ? "" : "/", name);
}

ODT_INLINE std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (is_remote(path) && path[slash - 1] == '/') return path;  // of a bucket
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

ODT_INLINE std::string glob_of(std::string_view path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

ODT_INLINE std::vector<std::string> matching_files(const std::string& pattern) {
  if (file_exists(pattern)) return {pattern};
  return file_system_of(pattern).matching(pattern);
}

ODT_INLINE std::vector<std::string> expand_globs(const std::vector<std::string>& patterns) {
  std::vector<std::string> paths;
  std::set<std::string> seen;
  for (const std::string& text : patterns)
    for (const std::string& pattern : detail::file::split_patterns(text)) {
      const auto found = matching_files(detail::file::of_shards(pattern));
      if (found.empty()) fail(pattern, ": no such file; the path or glob must match at least one file");
      for (const std::string& path : found)
        if (seen.insert(path).second) paths.push_back(path);
    }
  detail::file::warn_of_missing_shards(paths);
  return paths;
}

ODT_INLINE std::string shard_name(std::string_view path, int shard, int shards) {
  const auto padded = [](int number) {
    const std::string digits = std::to_string(number);
    return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
  };
  return str(path, "-", padded(shard), "-of-", padded(shards));
}

// input_file

ODT_INLINE input_file::input_file(std::string path)
    : path_(std::move(path)), file_(file_system_of(path_).open(path_)) {}

ODT_INLINE input_file::input_file(int descriptor, std::string path)
    : path_(std::move(path)), file_(local_file(descriptor, path_)) {}

ODT_INLINE void input_file::read_at(std::uint64_t offset, std::span<char> out) const {
  const std::size_t got = read_some_at(offset, out);
  if (got < out.size())
    fail(path_, ": cut short: ", out.size(), " bytes expected at byte ", offset, ", the file ends after ", got);
}

ODT_INLINE std::size_t input_file::read_some_at(std::uint64_t offset, std::span<char> out) const {
  return file_->read_some_at(offset, out);
}

ODT_INLINE void input_file::expect(std::uint64_t offset, std::uint64_t size) const { file_->expect(offset, size); }

ODT_INLINE bool input_file::forget(std::uint64_t offset, std::uint64_t size) const {
  return file_->forget(offset, size);
}

ODT_INLINE std::uint64_t input_file::size() const { return file_->size(); }

ODT_INLINE std::string input_file::reachable_path() const { return file_->reachable_path(); }

}  // namespace odt
