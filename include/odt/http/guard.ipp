// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/http/guard.hpp>
#include <odt/http/message.ipp>
#include <odt/io/sha256.hpp>

#include <array>
#include <random>

namespace odt::http {

namespace detail::guarding {

/// In a time that does not tell where they differ.
ODT_INLINE bool same_secret(std::string_view a, std::string_view b) { return sha256(a) == sha256(b); }

ODT_INLINE std::string_view cookie(const request& asked, std::string_view name) {
  std::string_view found;
  for (const auto& [header, value] : asked.headers) {
    if (!message::same_in_any_case(header, "cookie")) continue;
    message::split(value, ';', [&](std::string_view pair) {
      while (pair.starts_with(' ')) pair.remove_prefix(1);
      if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) found = pair.substr(name.size() + 1);
    });
  }
  return found;
}

ODT_INLINE bool changes_nothing(const request& asked) {
  return asked.method == "GET" || asked.method == "HEAD" || asked.method == "OPTIONS";
}

/// A page's own requests name its host as their origin.
ODT_INLINE bool from_elsewhere(const request& asked) {
  const std::string_view origin = asked.header("origin");
  if (origin.empty()) return false;
  const auto scheme = origin.find("://");
  return scheme == origin.npos || !message::same_in_any_case(origin.substr(scheme + 3), asked.header("host"));
}

/// The target without its token.
ODT_INLINE std::string without_token(const request& asked) {
  const auto mark = asked.target.find('?');
  std::string rest;
  message::split(std::string_view(asked.target).substr(mark + 1), '&', [&](std::string_view pair) {
    if (!pair.starts_with("token=") && !pair.empty()) rest += str(rest.empty() ? "?" : "&", pair);
  });
  std::string_view path = std::string_view(asked.target).substr(0, mark);
  while (path.starts_with("//")) path.remove_prefix(1);  // would be another host
  return str(path, rest);
}

}  // namespace detail::guarding

ODT_INLINE std::string host_name(std::string_view host) {
  std::string name;
  if (host.starts_with('['))
    name = host.substr(1, host.find(']') - 1);
  else
    name = host.substr(0, host.find(':'));
  std::ranges::transform(name, name.begin(), detail::message::lower);
  return name;
}

ODT_INLINE std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 32; ++i) token += "0123456789abcdef"[device() & 15];
  return token;
}

ODT_INLINE guard::guard(guard_options how)
    : how_(std::move(how)),
      cookie_name_(str("odt_token_", how_.port)),
      cookie_(sha256("odt's cookie for the token " + how_.token)) {
  for (std::string& host : how_.hosts) host = host_name(host);
}

ODT_INLINE bool guard::knows_host(std::string_view host) const {
  const std::string name = host_name(host);
  if (std::ranges::find(how_.hosts, name) != how_.hosts.end()) return true;
  if (!how_.loopback) return how_.hosts.empty();  // the token's cookie belongs to one name alone
  return name == "localhost" || name == "::1" || name.ends_with(".localhost") ||
         (name.starts_with("127.") && name.find_first_not_of("0123456789.") == name.npos);
}

ODT_INLINE bool bears_token(std::string_view authorization, std::string_view token) {
  constexpr std::string_view scheme = "bearer ";
  if (!detail::message::same_in_any_case(authorization.substr(0, scheme.size()), scheme)) return false;
  return !token.empty() && detail::guarding::same_secret(authorization.substr(scheme.size()), token);
}

ODT_INLINE bool guard::has_token(const request& asked) const {
  if (const std::string_view given = asked.header("authorization"); !given.empty())
    return bears_token(given, how_.token);
  return detail::guarding::same_secret(detail::guarding::cookie(asked, cookie_name_), cookie_);
}

ODT_INLINE response guard::with_cookie(const request& asked) const {
  return {.status = 303,
          .type = "text/plain; charset=utf-8",
          .headers = {{"Location", detail::guarding::without_token(asked)},
                      {"Set-Cookie", str(cookie_name_, "=", cookie_, "; HttpOnly; SameSite=Strict; Path=/")}}};
}

ODT_INLINE std::optional<response> guard::turned_away(const request& asked) const {
  namespace d = detail::guarding;
  const std::string_view host = asked.header("host");
  if (!host.empty() && !knows_host(host))
    return error_response(403, str("this server is not called \"", host_name(host),
                                   "\"; ask it by its address, or name its hosts when it is started"));
  if (!d::changes_nothing(asked) && d::from_elsewhere(asked))
    return error_response(403, str("a page of ", asked.header("origin"), " may change nothing here"));
  if (how_.token.empty()) return std::nullopt;
  const std::string_view given = asked.parameter("token");
  if (asked.method == "GET" && !given.empty() && d::same_secret(given, how_.token)) return with_cookie(asked);
  if (has_token(asked)) return std::nullopt;
  response refused = error_response(401,
                                    "a token is asked for: as the header Authorization: Bearer TOKEN, or in a "
                                    "browser once as ?token=TOKEN");
  refused.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refused;
}

}  // namespace odt::http
