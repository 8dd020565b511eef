// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/http/gunzip.hpp>
#include <odt/http/message.hpp>

#include <zlib.h>

#include <algorithm>
#include <memory>

namespace odt::http {

namespace detail::unzip {

/// Bytes that one call adds to the text.
inline constexpr std::size_t piece = 1 << 18;

struct stream {
  z_stream z{};
  stream() {
    if (::inflateInit2(&z, 15 + 32) != Z_OK) fail("cannot start zlib");  // + 32: either header
  }
  ~stream() { ::inflateEnd(&z); }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
};

}  // namespace detail::unzip

ODT_INLINE std::string gunzipped(std::string_view bytes, std::size_t most) {
  namespace d = detail::unzip;
  if (bytes.size() >= 1u << 31) throw refusal(413, "the compressed body is too large");
  d::stream stream;
  stream.z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib's type; it only reads
  stream.z.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    const std::size_t had = out.size();
    if (had > most) throw refusal(413, str("the body has more than ", most, " bytes when it is unpacked"));
    out.resize(had + std::min(d::piece, most + 1 - had));
    stream.z.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.z.avail_out = static_cast<uInt>(out.size() - had);
    status = ::inflate(&stream.z, Z_NO_FLUSH);
    out.resize(out.size() - stream.z.avail_out);
    if (status != Z_OK && status != Z_STREAM_END)
      throw refusal(400,
                    str("the body is said to be gzip, but ", stream.z.avail_in == 0 ? "ends too early" : "is damaged"));
  }
  if (out.size() > most) throw refusal(413, str("the body has more than ", most, " bytes when it is unpacked"));
  if (stream.z.avail_in != 0) throw refusal(400, "the gzip body has more bytes behind its end");
  return out;
}

}  // namespace odt::http
