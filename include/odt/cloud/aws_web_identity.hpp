// SPDX-License-Identifier: MIT
// Keys of S3 for a token that a cluster gives to its pods (EKS: "IAM roles for service accounts"): the Security Token
// Service exchanges it for those of a role (AssumeRoleWithWebIdentity).
#pragma once

#include <odt/cloud/aws_credentials.hpp>

#include <string>

namespace odt::cloud {

struct aws_web_identity {
  std::string token_file{};  ///< read anew each time, as the cluster writes it anew
  std::string role{};        ///< "arn:aws:iam::123456789012:role/trainer"
  std::string session{};     ///< what the role's log calls it
  std::string service{};     ///< the URL of the Security Token Service
};

/// That it is refused is an error with the service's words.
aws_credentials assume_role(const aws_web_identity& identity);

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/aws_web_identity.ipp>
#endif
