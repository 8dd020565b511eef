// SPDX-License-Identifier: MIT
// A request over HTTP as a handler sees it, and its answer.
#pragma once

#include <odt/core/error.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::http {

using fields = std::vector<std::pair<std::string, std::string>>;

/// What `name` (in any case) stands for; empty where there is none.
std::string_view field(const fields& all, std::string_view name);

struct request {
  std::string method{};                 ///< a HEAD comes as GET; the server leaves the body out
  std::string target{};                 ///< as it was sent: "/v1/models/a%20b?x=1"
  std::string path{};                   ///< percent-decoded, without the query
  std::vector<std::string> segments{};  ///< of the path, each decoded by itself: a %2F never separates two
  fields query{}, headers{};
  std::string body{};

  std::string_view header(std::string_view name) const { return field(headers, name); }
  std::string_view parameter(std::string_view name) const;
};

struct response {
  int status = 200;
  std::string type = "application/json";
  std::string body{};
  fields headers{};
};

/// What a handler throws to answer with another status than 500.
class refusal : public error {
 public:
  refusal(int status, const std::string& text) : error(text), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

/// {"error": text}
response error_response(int status, std::string_view text);

/// Text of a URL; what is no percent-encoding, or encodes a NUL, is refused with 400.
std::string percent_decoded(std::string_view text, bool plus_is_space = false);

/// Fills path, segments and query from a target. Refused with 400: what does not begin with "/", and "." and ".." as
/// segments, in any encoding.
void take_target(request& into, std::string_view target);

}  // namespace odt::http

#if defined(ODT_HEADER_ONLY)
#include <odt/http/message.ipp>
#endif
