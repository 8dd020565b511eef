// SPDX-License-Identifier: MIT
// Google's access tokens for who is known elsewhere (workload identity federation): a token of one's own cluster, from
// a file or an address, is exchanged for Google's (RFC 8693), and that where it is asked for for a service account's.
#pragma once

#include <odt/cloud/google_credentials.hpp>

#include <ctime>
#include <string>

namespace odt::cloud {

/// Of a credentials file with the type external_account; `text` is its content.
access_token token_of_external_account(const std::string& text, const std::string& path, std::time_t now);

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/google_external_account.ipp>
#endif
