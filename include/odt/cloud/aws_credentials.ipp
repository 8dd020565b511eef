// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/aws_credentials.hpp>
#include <odt/cloud/aws_web_identity.hpp>
#include <odt/cloud/environment.hpp>
#include <odt/cloud/rfc3339.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>

#include <nlohmann/json.hpp>

#include <unistd.h>

namespace odt::cloud {

namespace detail::aws {

inline constexpr std::time_t early_seconds = 300;  // so that no request outlives its key

ODT_INLINE std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

ODT_INLINE std::string profile() {
  const std::string name = first_environment("AWS_PROFILE", "AWS_DEFAULT_PROFILE");
  return name.empty() ? "default" : name;
}

ODT_INLINE std::string shared_file(const char* variable, std::string_view name) {
  const std::string given = environment(variable);
  return given.empty() ? join_path(environment("HOME"), str(".aws/", name)) : given;
}

ODT_INLINE std::string credentials_file() { return shared_file("AWS_SHARED_CREDENTIALS_FILE", "credentials"); }
ODT_INLINE std::string config_file() { return shared_file("AWS_CONFIG_FILE", "config"); }

/// The profile's values in one of the two files.
ODT_INLINE std::map<std::string, std::string> values_in(const std::string& path) {
  if (!file_exists(path)) return {};
  ini_sections sections = parse_ini(read_file(path));
  auto found = sections.find("profile " + profile());
  if (found == sections.end()) found = sections.find(profile());
  return found == sections.end() ? std::map<std::string, std::string>{} : found->second;
}

ODT_INLINE std::string value_of(const std::map<std::string, std::string>& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? "" : found->second;
}

ODT_INLINE std::optional<aws_credentials> of_environment() {
  const std::string id = environment("AWS_ACCESS_KEY_ID"), secret = environment("AWS_SECRET_ACCESS_KEY");
  if (id.empty() || secret.empty()) return std::nullopt;
  return aws_credentials{{id, secret, environment("AWS_SESSION_TOKEN")}, "AWS_ACCESS_KEY_ID", 0};
}

/// The Security Token Service.
ODT_INLINE std::string token_service() {
  std::string url = first_environment("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL");
  while (url.ends_with('/')) url.pop_back();
  const std::string region = aws_region();
  return url.empty() ? str("https://sts.", region, ".amazonaws.com", region.starts_with("cn-") ? ".cn" : "") : url;
}

/// By what EKS puts into a pod's environment, or by the profile.
ODT_INLINE std::optional<aws_credentials> of_web_identity() {
  aws_web_identity identity{.token_file = environment("AWS_WEB_IDENTITY_TOKEN_FILE"),
                            .role = environment("AWS_ROLE_ARN"),
                            .session = environment("AWS_ROLE_SESSION_NAME"),
                            .service = token_service()};
  if (identity.token_file.empty()) {
    const auto values = values_in(config_file());
    identity.token_file = value_of(values, "web_identity_token_file"), identity.role = value_of(values, "role_arn");
    if (identity.session.empty()) identity.session = value_of(values, "role_session_name");
  }
  if (identity.token_file.empty()) return std::nullopt;
  if (identity.role.empty())
    fail("the token in ", identity.token_file, " is for a role that is not named; set AWS_ROLE_ARN to it beside ",
         "AWS_WEB_IDENTITY_TOKEN_FILE, or role_arn beside web_identity_token_file in ", config_file());
  if (identity.session.empty()) identity.session = str("odt-", ::getpid());
  return assume_role(identity);
}

ODT_INLINE std::optional<aws_credentials> of_profile() {
  for (const std::string& path : {credentials_file(), config_file()}) {
    const auto values = values_in(path);
    const std::string id = value_of(values, "aws_access_key_id"), secret = value_of(values, "aws_secret_access_key");
    if (!id.empty() && !secret.empty())
      return aws_credentials{
          {id, secret, value_of(values, "aws_session_token")}, str("the profile ", profile(), " of ", path), 0};
  }
  return std::nullopt;
}

/// The answer of a container's or a machine's endpoint.
ODT_INLINE std::optional<aws_credentials> of_answer(const http_response& answer, const std::string& source) {
  const auto json = nlohmann::json::parse(answer.body, nullptr, false);
  if (!answer.ok() || !json.is_object() || !json.contains("AccessKeyId") || !json.contains("SecretAccessKey"))
    return std::nullopt;
  return aws_credentials{{json.value("AccessKeyId", ""), json.value("SecretAccessKey", ""), json.value("Token", "")},
                         source,
                         seconds_of(json.value("Expiration", ""))};
}

ODT_INLINE std::optional<aws_credentials> of_container() {
  const std::string relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string url =
      relative.empty() ? environment("AWS_CONTAINER_CREDENTIALS_FULL_URI") : "http://169.254.170.2" + relative;
  if (url.empty()) return std::nullopt;
  std::string token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty())
    token = trimmed(read_file(file));
  return of_answer(send([&] {
                     http_request request{.url = url, .direct = true};
                     if (!token.empty()) request.headers = {{"Authorization", token}};
                     return request;
                   }),
                   "the container's endpoint");
}

ODT_INLINE std::optional<aws_credentials> of_machine() try {
  if (environment("AWS_EC2_METADATA_DISABLED") == "true") return std::nullopt;
  const std::string given = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const std::string host = given.empty() ? "http://169.254.169.254" : given;
  const auto ask = [&](const std::string& method, const std::string& path, const std::string& name,
                       const std::string& value) {
    return send_once({.method = method,
                      .url = str(host, "/latest/", path),
                      .headers = {{name, value}},
                      .direct = true,
                      .connect_seconds = 1});
  };
  const http_response token = ask("PUT", "api/token", "X-aws-ec2-metadata-token-ttl-seconds", "21600");
  if (!token.ok()) return std::nullopt;
  const auto get = [&](const std::string& path) {
    return ask("GET", "meta-data/iam/security-credentials/" + path, "X-aws-ec2-metadata-token", token.body);
  };
  const http_response role = get("");
  if (!role.ok()) return std::nullopt;
  return of_answer(get(trimmed(role.body.substr(0, role.body.find('\n')))), "the machine's role");
} catch (const connection_error&) {
  return std::nullopt;
}

ODT_INLINE aws_credentials find() {
  for (const auto& look : {of_environment, of_web_identity, of_profile, of_container, of_machine})
    if (auto found = look()) return *found;
  fail("no credentials for S3 were found: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor ",
       "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, nor the profile \"", profile(), "\" in ", credentials_file(),
       " or ", config_file(), ", nor a container's endpoint, nor a role of this machine");
}

}  // namespace detail::aws

ODT_INLINE ini_sections parse_ini(std::string_view text) {
  ini_sections sections;
  std::string section;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string content = detail::aws::trimmed(line);
    if (content.empty() || content[0] == '#' || content[0] == ';') continue;
    if (content.front() == '[' && content.back() == ']')
      section = detail::aws::trimmed(content.substr(1, content.size() - 2));
    else if (const auto equals = content.find('='); equals != content.npos && line.front() != ' ')
      sections[section][detail::aws::trimmed(content.substr(0, equals))] =
          detail::aws::trimmed(content.substr(equals + 1));
  }
  return sections;
}

ODT_INLINE std::string aws_region() {
  namespace d = detail::aws;
  std::string region = first_environment("AWS_REGION", "AWS_DEFAULT_REGION");
  if (region.empty()) region = d::value_of(d::values_in(d::config_file()), "region");
  return region.empty() ? "us-east-1" : region;
}

ODT_INLINE std::string aws_endpoint() {
  namespace d = detail::aws;
  std::string endpoint = first_environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
  if (endpoint.empty()) endpoint = d::value_of(d::values_in(d::config_file()), "endpoint_url");
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint;
}

ODT_INLINE aws_credentials aws_credential_chain::get() {
  const std::lock_guard lock(mutex_);
  if (known_ && known_->expires != 0 && std::time(nullptr) > known_->expires - detail::aws::early_seconds)
    known_.reset();
  if (!known_) known_ = detail::aws::find();
  return *known_;
}

ODT_INLINE void aws_credential_chain::renew() {
  const std::lock_guard lock(mutex_);
  known_.reset();
}

}  // namespace odt::cloud
