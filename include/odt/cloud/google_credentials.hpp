// SPDX-License-Identifier: MIT
// Google's access tokens by Application Default Credentials (https://cloud.google.com/docs/authentication): the file
// that GOOGLE_APPLICATION_CREDENTIALS names, the one of `gcloud auth application-default login`, the metadata server of
// the machine.
#pragma once

#include <ctime>
#include <mutex>
#include <optional>
#include <string>

namespace odt::cloud {

struct access_token {
  std::string value{}, source{};
  std::time_t expires = 0;
};

/// The token of a credentials file: a service_account's, which signs for it (RS256), an authorized_user's, which has it
/// renewed, or an external_account's (google_external_account.hpp). Other types are errors that name the file.
access_token token_of_file(const std::string& path, std::time_t now);

/// The signed claim by which a service account asks for a token.
std::string service_account_claim(const std::string& email, const std::string& pem, const std::string& token_uri,
                                  std::time_t now, const std::string& place);

/// Asks for a token once, and again shortly before it expires or when the server says that it has.
class google_credentials {
 public:
  /// Finding none is an error, which lists where they were looked for.
  access_token get();
  void renew();

 private:
  std::mutex mutex_;
  std::optional<access_token> known_;
};

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/google_credentials.ipp>
#endif
