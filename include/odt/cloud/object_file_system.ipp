// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/object_file_system.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>

#include <fnmatch.h>

#include <utility>

namespace odt::cloud {

namespace detail::objects {

class readable : public open_file {
 public:
  readable(object_store& store, range_cache& cache, object_name name, object_version version)
      : size_(version.size),
        parts_(cache, version.size, [&store, name = std::move(name), version](auto offset, auto size) {
          return store.read(name, version, offset, size);
        }) {}

  std::uint64_t size() const override { return size_; }
  std::size_t read_some_at(std::uint64_t offset, std::span<char> out) const override {
    return parts_.read(offset, out);
  }
  void expect(std::uint64_t offset, std::uint64_t size) const override { parts_.expect(offset, size); }
  bool forget(std::uint64_t offset, std::uint64_t size) const override {
    parts_.forget(offset, size);
    return true;
  }

 private:
  std::uint64_t size_;
  mutable range_cache::object parts_;
};

/// Small objects are sent whole at the end, larger ones in parts as they grow.
class writable : public unfinished_file {
 public:
  writable(object_store& store, object_name name) : store_(store), name_(std::move(name)) {}

  void write(std::string_view bytes) override {
    buffer_ += bytes;
    std::size_t sent = 0;
    for (; buffer_.size() - sent > object_upload::part_bytes; sent += object_upload::part_bytes) {
      if (!upload_) upload_ = store_.begin_upload(name_);
      upload_->add(std::string_view(buffer_).substr(sent, object_upload::part_bytes));
    }
    buffer_.erase(0, sent);
  }

  void settle() override {}

  void take_name() override {
    if (upload_)
      upload_->finish(buffer_);
    else
      store_.put(name_, buffer_);
    upload_.reset();
    buffer_.clear();
  }

 private:
  object_store& store_;
  object_name name_;
  std::string buffer_;
  std::unique_ptr<object_upload> upload_;
};

}  // namespace detail::objects

ODT_INLINE std::string literal_prefix(std::string_view pattern) {
  std::string prefix;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*' || pattern[i] == '?' || pattern[i] == '[') break;
    if (pattern[i] == '\\' && ++i == pattern.size()) break;
    prefix += pattern[i];
  }
  return prefix;
}

ODT_INLINE object_file_system::object_file_system(std::unique_ptr<object_store> store, range_cache_options cache)
    : object_file_system(std::move(store), [cache] { return cache; }) {}

ODT_INLINE object_file_system::object_file_system(std::unique_ptr<object_store> store,
                                                  std::function<range_cache_options()> cache)
    : store_(std::move(store)), options_(std::move(cache)) {}

ODT_INLINE object_store& object_file_system::store() {
  std::call_once(used_, [this] { cache_.emplace(options_()); });
  return *store_;
}

ODT_INLINE std::unique_ptr<open_file> object_file_system::open(const std::string& path) {
  object_name name = parse_object_name(path);
  auto version = store().find(name);
  if (!version) fail(path, status(path) ? ": is a directory, not a file" : ": there is no such object");
  return std::make_unique<detail::objects::readable>(store(), *cache_, std::move(name), std::move(*version));
}

ODT_INLINE std::unique_ptr<unfinished_file> object_file_system::create(const std::string& path) {
  object_name name = parse_object_name(path);
  if (name.key.empty() || name.key.ends_with('/')) fail(path, ": cannot write: this is the name of a directory");
  return std::make_unique<detail::objects::writable>(store(), std::move(name));
}

ODT_INLINE std::optional<file_status> object_file_system::status(const std::string& path) {
  object_name name = parse_object_name(path);
  if (!name.key.empty() && !name.key.ends_with('/')) {
    if (const auto version = store().find(name)) return file_status{false, version->size, true};
    name.key += '/';
  }
  if (store().list(name, false, 1).empty()) return std::nullopt;
  return file_status{.is_directory = true};
}

ODT_INLINE std::vector<std::string> object_file_system::matching(const std::string& pattern) {
  const object_name wanted = parse_object_name(pattern);
  const std::string prefix = literal_prefix(wanted.key);
  const auto deeper = wanted.key.find_first_of("*?[");
  const bool flat = deeper == std::string::npos || wanted.key.find('/', deeper) == std::string::npos;
  std::vector<std::string> paths;
  for (const std::string& key : store().list({pattern, wanted.bucket, prefix}, flat, 0))
    if (!key.ends_with('/') && ::fnmatch(wanted.key.c_str(), key.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0)
      paths.push_back(str(pattern.substr(0, pattern.find("://") + 3), wanted.bucket, "/", key));
  return paths;
}

ODT_INLINE void object_file_system::remove(const std::string& path) { store().remove(parse_object_name(path)); }

}  // namespace odt::cloud
