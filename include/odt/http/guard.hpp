// SPDX-License-Identifier: MIT
// Who may ask: the hosts that a request names, the page that it comes from, and a token.
#pragma once

#include <odt/http/message.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odt::http {

struct guard_options {
  bool loopback = true;              ///< the server's address is this machine's alone
  std::string token{};               ///< empty: none is asked for
  std::vector<std::string> hosts{};  ///< names that a request may call the server by, besides this machine's own
  int port = 0;                      ///< in the cookie's name: cookies know no ports
};

/// Turns away
///  - a Host that is not the server's (a page elsewhere whose name was rebound to this address): 403;
///  - what changes something and comes from another page (Origin): 403;
///  - without the token, where one is asked for, as "Authorization: Bearer T" or the cookie: 401.
/// A GET with ?token=T is sent on to the same URL without it and gets the cookie (HttpOnly, SameSite=Strict), so that a
/// browser needs the token once and keeps it out of its history.
class guard {
 public:
  explicit guard(guard_options how);

  /// The answer to a request that goes no further.
  std::optional<response> turned_away(const request& asked) const;

 private:
  bool knows_host(std::string_view host) const;
  bool has_token(const request& asked) const;
  response with_cookie(const request& asked) const;

  guard_options how_;
  std::string cookie_name_, cookie_;
};

/// "localhost" of "LocalHost:8501", "::1" of "[::1]:8501".
std::string host_name(std::string_view host);

/// Whether "Bearer TOKEN" has that token; takes the same time whatever it has.
bool bears_token(std::string_view authorization, std::string_view token);

/// 128 random bits in hexadecimal.
std::string random_token();

}  // namespace odt::http

#if defined(ODT_HEADER_ONLY)
#include <odt/http/guard.ipp>
#endif
