// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/crypto.hpp>
#include <odt/cloud/environment.hpp>
#include <odt/cloud/google_credentials.hpp>
#include <odt/cloud/google_external_account.hpp>
#include <odt/cloud/http.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>

#include <nlohmann/json.hpp>

namespace odt::cloud {

namespace detail::google {

using nlohmann::json;

inline constexpr std::time_t early_seconds = 300, claim_seconds = 3600;
inline constexpr const char* token_service = "https://oauth2.googleapis.com/token";
inline constexpr const char* scope = "https://www.googleapis.com/auth/devstorage.read_write";

ODT_INLINE std::string text_of(const json& file, const char* name, const std::string& path) {
  const std::string value = file.value(name, "");
  if (value.empty()) fail(path, ": has no \"", name, "\"; give a key file as Google makes it");
  return value;
}

ODT_INLINE access_token token_of(const http_response& answer, const std::string& source, std::time_t now) {
  const json token = json::parse(answer.body, nullptr, false);
  if (!answer.ok() || !token.is_object() || !token.contains("access_token"))
    fail(source, ": no access token was given for it (", answer.status, "): ", answer.body.substr(0, 300));
  return {token.value("access_token", ""), source, now + token.value("expires_in", std::time_t{3600})};
}

ODT_INLINE access_token ask(const std::string& url, const std::string& form, const std::string& path, std::time_t now) {
  const auto make = [&] {
    return http_request{
        .method = "POST", .url = url, .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}, .body = form};
  };
  return token_of(send(make), path, now);
}

ODT_INLINE std::string gcloud_file() {
  const std::string directory = environment("CLOUDSDK_CONFIG");
  return join_path(directory.empty() ? join_path(environment("HOME"), ".config/gcloud") : directory,
                   "application_default_credentials.json");
}

ODT_INLINE std::optional<access_token> of_machine(std::time_t now) try {
  const std::string given = environment("GCE_METADATA_HOST");
  const http_response answer = send_once({.url = str("http://", given.empty() ? "metadata.google.internal" : given,
                                                     "/computeMetadata/v1/instance/service-accounts/default/token"),
                                          .headers = {{"Metadata-Flavor", "Google"}},
                                          .direct = true,
                                          .connect_seconds = 2});
  return token_of(answer, "the machine's service account", now);
} catch (const connection_error&) {
  return std::nullopt;
}

ODT_INLINE access_token find(std::time_t now) {
  if (const std::string given = environment("GOOGLE_APPLICATION_CREDENTIALS"); !given.empty())
    return token_of_file(given, now);
  if (const std::string path = gcloud_file(); file_exists(path)) return token_of_file(path, now);
  if (auto token = of_machine(now)) return *token;
  fail(
      "no credentials for Google Cloud Storage were found: neither GOOGLE_APPLICATION_CREDENTIALS names a file, nor "
      "is ",
      "there ", gcloud_file(), " (gcloud auth application-default login writes it), nor a metadata server");
}

}  // namespace detail::google

ODT_INLINE std::string service_account_claim(const std::string& email, const std::string& pem,
                                             const std::string& token_uri, std::time_t now, const std::string& place) {
  namespace d = detail::google;
  const d::json claims{
      {"iss", email}, {"scope", d::scope}, {"aud", token_uri}, {"iat", now}, {"exp", now + d::claim_seconds}};
  const std::string text = str(base64_url(R"({"alg":"RS256","typ":"JWT"})"), ".", base64_url(claims.dump()));
  return str(text, ".", base64_url(rs256(pem, text, place)));
}

ODT_INLINE access_token token_of_file(const std::string& path, std::time_t now) {
  namespace d = detail::google;
  const d::json file = d::json::parse(read_file(path), nullptr, false);
  if (!file.is_object()) fail(path, ": is no JSON; give a key file as Google makes it");
  const std::string type = file.value("type", ""), service = file.value("token_uri", d::token_service);
  if (type == "service_account") {
    const std::string email = d::text_of(file, "client_email", path), pem = d::text_of(file, "private_key", path);
    const std::string claim = service_account_claim(email, pem, service, now, path);
    return d::ask(service, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + claim, path,
                  now);
  }
  if (type == "authorized_user")
    return d::ask(service,
                  str("grant_type=refresh_token&client_id=", url_encoded(d::text_of(file, "client_id", path)),
                      "&client_secret=", url_encoded(d::text_of(file, "client_secret", path)),
                      "&refresh_token=", url_encoded(d::text_of(file, "refresh_token", path))),
                  path, now);
  if (type == "external_account") return token_of_external_account(file.dump(), path, now);
  fail(path, ": credentials of the type \"", type,
       "\" are not known; service_account, authorized_user and external_account are");
}

ODT_INLINE access_token google_credentials::get() {
  const std::lock_guard lock(mutex_);
  const std::time_t now = std::time(nullptr);
  if (!known_ || now > known_->expires - detail::google::early_seconds) known_ = detail::google::find(now);
  return *known_;
}

ODT_INLINE void google_credentials::renew() {
  const std::lock_guard lock(mutex_);
  known_.reset();
}

}  // namespace odt::cloud
