// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/aws_signature.hpp>
#include <odt/cloud/crypto.hpp>
#include <odt/core/target.hpp>

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

namespace odt::cloud {

namespace detail::signature {

struct url_parts {
  std::string host, path, query;
};

ODT_INLINE url_parts split(std::string_view url) {
  url.remove_prefix(url.find("://") + 3);
  const auto query = std::min(url.find('?'), url.size());
  const auto path = std::min(url.find('/'), query);
  url_parts parts{std::string(url.substr(0, path)), std::string(url.substr(path, query - path)), {}};
  if (query < url.size()) parts.query = url.substr(query + 1);
  if (parts.path.empty()) parts.path = "/";
  return parts;
}

/// Sorted by name and value; a name alone gets its "=".
ODT_INLINE std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    const auto equals = std::min(one.find('='), one.size());
    parameters.emplace_back(one.substr(0, equals), one.substr(std::min(equals + 1, one.size())));
  }
  std::ranges::sort(parameters);
  std::string out;
  for (const auto& [name, value] : parameters) out += str(out.empty() ? "" : "&", name, "=", value);
  return out;
}

ODT_INLINE std::string utc(std::time_t now) {
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

ODT_INLINE std::map<std::string, std::string> signed_headers(const http_request& request, const std::string& host) {
  std::map<std::string, std::string> headers{{"host", host}};
  for (const auto& [name, value] : request.headers) {
    std::string small = name;
    std::ranges::transform(small, small.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    headers[small] = value;
  }
  return headers;
}

ODT_INLINE std::string signing_key(const std::string& secret, std::string_view day, const aws_scope& scope) {
  return hmac_sha256(hmac_sha256(hmac_sha256(hmac_sha256("AWS4" + secret, day), scope.region), scope.service),
                     "aws4_request");
}

}  // namespace detail::signature

ODT_INLINE void sign(http_request& request, const aws_key& key, const aws_scope& scope, std::time_t now) {
  namespace d = detail::signature;
  const std::string time = d::utc(now), content = hexadecimal(sha256_bytes(request.body));
  request.headers.emplace_back("x-amz-date", time);
  if (scope.service == "s3") request.headers.emplace_back("x-amz-content-sha256", content);
  if (!key.token.empty()) request.headers.emplace_back("x-amz-security-token", key.token);
  const d::url_parts url = d::split(request.url);
  std::string names, lines;
  for (const auto& [name, value] : d::signed_headers(request, url.host)) {
    names += str(names.empty() ? "" : ";", name);
    lines += str(name, ":", value, "\n");
  }
  const std::string canonical =
      str(request.method, "\n", url.path, "\n", d::canonical_query(url.query), "\n", lines, "\n", names, "\n", content);
  const std::string_view day = std::string_view(time).substr(0, 8);
  const std::string credential = str(day, "/", scope.region, "/", scope.service, "/aws4_request");
  const std::string text =
      str("AWS4-HMAC-SHA256\n", time, "\n", credential, "\n", hexadecimal(sha256_bytes(canonical)));
  const std::string signature = hexadecimal(hmac_sha256(d::signing_key(key.secret, day, scope), text));
  request.headers.emplace_back("Authorization", str("AWS4-HMAC-SHA256 Credential=", key.id, "/", credential,
                                                    ", SignedHeaders=", names, ", Signature=", signature));
}

}  // namespace odt::cloud
