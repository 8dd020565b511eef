// SPDX-License-Identifier: MIT
// What signatures and tokens are made of (OpenSSL).
#pragma once

#include <string>
#include <string_view>

namespace odt::cloud {

/// 32 bytes.
std::string sha256_bytes(std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view bytes);

/// The RS256 signature by a private key in PEM; `place` begins the message when that is none.
std::string rs256(std::string_view pem, std::string_view bytes, const std::string& place);

std::string hexadecimal(std::string_view bytes);

/// RFC 4648's alphabet for URLs, without padding.
std::string base64_url(std::string_view bytes);

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/crypto.ipp>
#endif
