// SPDX-License-Identifier: MIT
// Bodies that come compressed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace odt::http {

/// GZIP or ZLIB, unpacked. Refused: with 413 what has more than `most` bytes then, with 400 what is damaged, cut short
/// or has more behind it.
std::string gunzipped(std::string_view bytes, std::size_t most);

}  // namespace odt::http

#if defined(ODT_HEADER_ONLY)
#include <odt/http/gunzip.ipp>
#endif
