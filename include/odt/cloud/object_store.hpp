// SPDX-License-Identifier: MIT
// What S3 and Google Cloud Storage have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odt::cloud {

/// "s3://bucket/a/b": bucket, and the key "a/b".
struct object_name {
  std::string path, bucket, key;
};

/// Paths without a bucket are errors.
object_name parse_object_name(const std::string& path);

struct object_version {
  std::uint64_t size = 0;
  std::string tag{};  ///< another one means other content: S3's ETag, Google's generation
};

/// An object that is sent in parts and is there when it was finished. Destroyed before: nothing is there.
class object_upload {
 public:
  virtual ~object_upload() = default;
  virtual void add(std::string_view part) = 0;  ///< exactly part_bytes
  virtual void finish(std::string_view last) = 0;

  static constexpr std::size_t part_bytes = std::size_t{16} << 20;
};

/// The requests of one kind of store; from any thread. They are repeated where that may help. Errors name the path and
/// hold the server's words.
class object_store {
 public:
  virtual ~object_store() = default;

  /// Nothing: there is no such object.
  virtual std::optional<object_version> find(const object_name& name) = 0;

  /// Exactly these bytes of that version; an object that was changed meanwhile is an error.
  virtual std::string read(const object_name& name, const object_version& version, std::uint64_t offset,
                           std::uint64_t size) = 0;

  /// Keys that begin so, sorted; `flat`: only those without a further "/". At most `most` when that is not 0.
  virtual std::vector<std::string> list(const object_name& prefix, bool flat, int most) = 0;

  virtual void put(const object_name& name, std::string_view content) = 0;
  virtual std::unique_ptr<object_upload> begin_upload(const object_name& name) = 0;
  virtual void remove(const object_name& name) = 0;
};

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/object_store.ipp>
#endif
