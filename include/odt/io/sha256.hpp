// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4): the key of an image in a record.
#pragma once

#include <string>
#include <string_view>

namespace odt {

/// The digest in hexadecimal, 64 characters.
std::string sha256(std::string_view bytes);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/sha256.ipp>
#endif
