// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/google_external_account.hpp>
#include <odt/cloud/http.hpp>
#include <odt/cloud/rfc3339.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>

#include <nlohmann/json.hpp>

namespace odt::cloud {

namespace detail::external_account {

using nlohmann::json;

inline constexpr const char* storage = "https://www.googleapis.com/auth/devstorage.read_write";
inline constexpr const char* platform = "https://www.googleapis.com/auth/cloud-platform";

/// A text of the file; an error where it is missing.
ODT_INLINE std::string text_of(const json& object, const char* name, const std::string& path) {
  if (!object.contains(name) || !object.at(name).is_string())
    fail(path, ": has no \"", name, "\"; `gcloud iam workload-identity-pools create-cred-config` writes such files");
  return object.at(name);
}

/// What the source gives: the token itself, or JSON with a field of it.
ODT_INLINE std::string token_in(std::string content, const json& source, const std::string& place,
                                const std::string& path) {
  const json format = source.value("format", json::object());
  if (format.value("type", "text") == "text") {
    while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) content.pop_back();
    if (content.empty()) fail(place, ": is empty; by ", path, " it has to give a token");
    return content;
  }
  const std::string name = text_of(format, "subject_token_field_name", path);
  const json object = json::parse(content, nullptr, false);
  if (!object.is_object() || !object.contains(name) || !object.at(name).is_string())
    fail(place, ": is no JSON with a text \"", name, "\", by which ", path, " calls its token");
  return object.at(name);
}

ODT_INLINE std::string subject_token(const json& file, const std::string& path) {
  const json source = file.value("credential_source", json::object());
  if (source.contains("file")) {
    const std::string from = text_of(source, "file", path);
    return token_in(read_file(from), source, from, path);
  }
  if (source.contains("url")) {
    const std::string url = text_of(source, "url", path);
    const json headers = source.value("headers", json::object());
    const http_response answer = send([&] {
      http_request request{.url = url};
      for (const auto& [name, value] : headers.items())
        request.headers.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
      return request;
    });
    if (!answer.ok()) fail(url, ": gave no token (", answer.status, "): ", answer.body.substr(0, 300));
    return token_in(answer.body, source, url, path);
  }
  fail(path, ": its credential_source has neither a \"file\" nor a \"url\"; others (AWS, executables) are not known");
}

ODT_INLINE json answer_to(const http_request& request, const std::string& path, const char* name) {
  const http_response answer = send([&] { return request; });
  json object = json::parse(answer.body, nullptr, false);
  if (!answer.ok() || !object.is_object() || !object.contains(name))
    fail(path, ": ", request.url, " gave no access token for it (", answer.status, "): ", answer.body.substr(0, 300));
  return object;
}

/// Google's token for one's own.
ODT_INLINE access_token exchanged(const json& file, const char* scope, const std::string& path, std::time_t now) {
  const std::string audience = text_of(file, "audience", path), kind = text_of(file, "subject_token_type", path),
                    url = text_of(file, "token_url", path), own = subject_token(file, path);
  const std::string form = str("grant_type=", url_encoded("urn:ietf:params:oauth:grant-type:token-exchange"),
                               "&requested_token_type=", url_encoded("urn:ietf:params:oauth:token-type:access_token"),
                               "&audience=", url_encoded(audience), "&scope=", url_encoded(scope),
                               "&subject_token_type=", url_encoded(kind), "&subject_token=", url_encoded(own));
  const json token = answer_to(
      {.method = "POST", .url = url, .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}, .body = form},
      path, "access_token");
  return {token.at("access_token"), path, now + token.value("expires_in", std::time_t{3600})};
}

/// The token of the service account that the first token's owner may be.
ODT_INLINE access_token impersonated(const std::string& url, const access_token& first, const json& file,
                                     const std::string& path) {
  const json how = file.value("service_account_impersonation", json::object());
  const std::string body =
      json{{"scope", {storage}}, {"lifetime", str(how.value("token_lifetime_seconds", 3600), "s")}}.dump();
  const json token =
      answer_to({.method = "POST",
                 .url = url,
                 .headers = {{"Content-Type", "application/json"}, {"Authorization", "Bearer " + first.value}},
                 .body = body},
                path, "accessToken");
  return {token.at("accessToken"), path, seconds_of(token.value("expireTime", ""))};
}

}  // namespace detail::external_account

ODT_INLINE access_token token_of_external_account(const std::string& text, const std::string& path, std::time_t now) {
  namespace d = detail::external_account;
  try {
    const d::json file = d::json::parse(text);
    const std::string account = file.value("service_account_impersonation_url", "");
    const access_token first = d::exchanged(file, account.empty() ? d::storage : d::platform, path, now);
    return account.empty() ? first : d::impersonated(account, first, file, path);
  } catch (const d::json::exception& wrong) {
    fail(path, ": ", wrong.what());
  }
}

}  // namespace odt::cloud
