// SPDX-License-Identifier: MIT
// Where S3's keys come from, in the order of AWS's own programs: the environment, a role for a cluster's token
// (web identity), a profile of the shared files, a container's endpoint, the metadata service of the machine (IMDSv2).
#pragma once

#include <odt/cloud/aws_signature.hpp>

#include <ctime>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace odt::cloud {

struct aws_credentials {
  aws_key key{};
  std::string source{};     ///< for messages: "the profile dev of ~/.aws/credentials"
  std::time_t expires = 0;  ///< 0: never
};

/// An INI file's values: of a section, by their names.
using ini_sections = std::map<std::string, std::map<std::string, std::string>>;
ini_sections parse_ini(std::string_view text);

/// AWS_REGION, AWS_DEFAULT_REGION, the profile's region, us-east-1.
std::string aws_region();

/// The endpoint of a server of one's own (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's endpoint_url), without
/// "/" at its end; empty: AWS.
std::string aws_endpoint();

/// Looks for credentials once, and again shortly before they expire or when the server says that they have.
class aws_credential_chain {
 public:
  /// Finding none is an error, which lists where they were looked for.
  aws_credentials get();
  void renew();

 private:
  std::mutex mutex_;
  std::optional<aws_credentials> known_;
};

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/aws_credentials.ipp>
#endif
