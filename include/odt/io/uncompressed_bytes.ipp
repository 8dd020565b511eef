// SPDX-License-Identifier: MIT
// The bytes of a file that may be compressed (zlib's two formats).
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/record_compression.hpp>

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>

namespace odt::detail {

inline constexpr std::size_t compressed_chunk_bytes = 1 << 18;

/// Inflates GZIP (also several members in a row) or ZLIB.
class inflater {
 public:
  inflater(const input_file& file, record_compression compression) : file_(file), input_(compressed_chunk_bytes, '\0') {
    if (::inflateInit2(&stream_, compression == record_compression::gzip ? 15 + 16 : 15) != Z_OK)
      fail(file.path(), ": cannot start zlib");
  }
  ~inflater() { ::inflateEnd(&stream_); }
  inflater(const inflater&) = delete;
  inflater& operator=(const inflater&) = delete;

  /// As many bytes as there are, at most out.size().
  std::size_t read(std::span<char> out) {
    std::size_t got = 0;
    while (got < out.size() && !finished_) {
      if (stream_.avail_in == 0 && !refill()) break;
      const auto room = static_cast<uInt>(std::min<std::size_t>(out.size() - got, 1u << 30));
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + got);
      stream_.avail_out = room;
      const int status = ::inflate(&stream_, Z_NO_FLUSH);
      got += room - stream_.avail_out;
      if (status == Z_STREAM_END) {
        begun_ = false;
        finished_ = stream_.avail_in == 0 && !refill();
        begun_ = !finished_;
        if (begun_) ::inflateReset(&stream_);
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        fail(file_.path(), ": damaged compressed data near byte ", offset_ - stream_.avail_in, ": ",
             stream_.msg ? stream_.msg : "unknown zlib error");
      }
    }
    return got;
  }

 private:
  bool refill() {
    const std::size_t count = file_.read_some_at(offset_, input_);
    if (count == 0) {
      if (begun_) fail(file_.path(), ": cut short: the compressed data ends within a stream, at byte ", offset_);
      return false;
    }
    begun_ = true;
    offset_ += count;
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(count);
    return true;
  }

  const input_file& file_;
  std::string input_;
  z_stream stream_{};
  std::uint64_t offset_ = 0;
  bool begun_ = false, finished_ = false;
};

/// The bytes of a file in order, inflated where it is compressed.
class uncompressed_bytes {
 public:
  uncompressed_bytes(const input_file& file, record_compression compression) : file_(file) {
    if (compression != record_compression::none)
      inflater_ = std::make_unique<inflater>(file, compression);
    else
      buffer_.resize(compressed_chunk_bytes);
  }

  std::size_t read(std::span<char> out) {
    const std::size_t got = inflater_ ? inflater_->read(out) : read_plain(out);
    offset_ += got;
    return got;
  }

  std::uint64_t offset() const { return offset_; }

  /// Bytes that can still come; unknown (the largest number) for compressed files.
  std::uint64_t left() const { return inflater_ ? ~std::uint64_t{0} : file_.size() - offset_; }

 private:
  std::size_t read_plain(std::span<char> out) {
    std::size_t got = 0;
    while (got < out.size()) {
      if (begin_ == end_) {
        if (out.size() - got >= buffer_.size()) return got + file_.read_some_at(offset_ + got, out.subspan(got));
        begin_ = 0;
        end_ = file_.read_some_at(offset_ + got, buffer_);
        if (end_ == 0) break;
      }
      const std::size_t count = std::min(out.size() - got, end_ - begin_);
      std::memcpy(out.data() + got, buffer_.data() + begin_, count);
      begin_ += count;
      got += count;
    }
    return got;
  }

  const input_file& file_;
  std::unique_ptr<inflater> inflater_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace odt::detail
