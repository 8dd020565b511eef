// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/aws_web_identity.hpp>
#include <odt/cloud/http.hpp>
#include <odt/cloud/rfc3339.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>

#include <pugixml.hpp>

namespace odt::cloud {

namespace detail::web_identity {

ODT_INLINE std::string token_in(const std::string& path) {
  std::string token = read_file(path);
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty()) fail(path, ": is empty; AWS_WEB_IDENTITY_TOKEN_FILE has to name a file with a token");
  return token;
}

ODT_INLINE std::string reason_of(const http_response& answer) {
  pugi::xml_document text;
  text.load_buffer(answer.body.data(), answer.body.size());
  const pugi::xml_node error = text.child("ErrorResponse").child("Error");
  if (!error) return answer.body.substr(0, 300);
  return str(error.child_value("Code"), ": ", error.child_value("Message"));
}

}  // namespace detail::web_identity

ODT_INLINE aws_credentials assume_role(const aws_web_identity& identity) {
  namespace d = detail::web_identity;
  const std::string form =
      str("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=", url_encoded(identity.role),
          "&RoleSessionName=", url_encoded(identity.session),
          "&WebIdentityToken=", url_encoded(d::token_in(identity.token_file)));
  const http_response answer = send([&] {
    return http_request{.method = "POST",
                        .url = identity.service + "/",
                        .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                        .body = form};
  });
  const std::string source = str("the role ", identity.role, ", for the token in ", identity.token_file);
  pugi::xml_document text;
  text.load_buffer(answer.body.data(), answer.body.size());
  const pugi::xml_node keys =
      text.child("AssumeRoleWithWebIdentityResponse").child("AssumeRoleWithWebIdentityResult").child("Credentials");
  if (!answer.ok() || !keys)
    fail(source, ": ", identity.service, " gave no keys (", answer.status, "): ", d::reason_of(answer));
  return {{keys.child_value("AccessKeyId"), keys.child_value("SecretAccessKey"), keys.child_value("SessionToken")},
          source,
          seconds_of(keys.child_value("Expiration"))};
}

}  // namespace odt::cloud
