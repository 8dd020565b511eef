// SPDX-License-Identifier: MIT
// Requests over HTTP (libcurl), and which of them are sent again.
#pragma once

#include <odt/core/error.hpp>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::cloud {

struct http_request {
  std::string method = "GET", url;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string_view body{};  ///< has to stay while the request is sent
  bool direct = false;      ///< never through a proxy: the metadata server of a machine
  long connect_seconds = 10;
};

struct http_response {
  int status = 0;
  std::map<std::string, std::string> headers{};  ///< by name in small letters
  std::string body{};

  bool ok() const { return status >= 200 && status < 300; }
  /// Empty: there is none.
  std::string header(const std::string& name) const;
};

/// No whole answer came: the connection was refused, reset, silent, or ended before the announced length.
class connection_error : public error {
 public:
  using error::error;
};

/// One request, once. Any status is an answer; where none comes, a connection_error names the URL's host and the cause.
http_response send_once(const http_request& request);

struct retry_policy {
  int attempts = 8;
  double first_seconds = 0.2, longest_seconds = 16;  ///< before the second attempt, and before any
};

/// Whether the same request may have another answer later: 408, 429, 500, 502, 503, 504.
bool may_pass(int status);

/// Full jitter: `uniform` (0 to 1) of first_seconds * 2^attempt, which longest_seconds bounds; attempts count from 0.
double pause_seconds(const retry_policy& policy, int attempt, double uniform);

/// Sleeps so long, by chance; at least `least` seconds.
void pause(const retry_policy& policy, int attempt, double least = 0);

/// Sends what `make` makes, anew for each attempt, as signatures and tokens grow old. Only for requests that may be
/// done twice. The last answer, or the last connection_error, is the caller's.
http_response send(const std::function<http_request()>& make, const retry_policy& policy = {});

/// Percent-encoded (RFC 3986): all but letters, digits, "-._~"; "/" too unless it is kept.
std::string url_encoded(std::string_view text, bool keep_slashes = false);

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/http.ipp>
#endif
