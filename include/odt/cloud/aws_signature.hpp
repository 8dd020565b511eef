// SPDX-License-Identifier: MIT
// AWS Signature Version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html).
#pragma once

#include <odt/cloud/http.hpp>

#include <ctime>
#include <string>

namespace odt::cloud {

struct aws_key {
  std::string id{}, secret{}, token{};  ///< the token is a temporary key's
};

struct aws_scope {
  std::string region = "us-east-1", service = "s3";
};

/// Adds the headers x-amz-date, x-amz-security-token, for S3 x-amz-content-sha256, and Authorization, which signs all
/// headers that are there. Path and query of the URL are percent-encoded already; the query may be in any order.
void sign(http_request& request, const aws_key& key, const aws_scope& scope, std::time_t now);

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/aws_signature.ipp>
#endif
