// SPDX-License-Identifier: MIT
// Amazon S3 and servers that speak its language, over its REST interface.
#pragma once

#include <odt/cloud/object_store.hpp>

#include <memory>
#include <string>

namespace odt::cloud {

struct s3_place {
  std::string endpoint{};  ///< of a server of one's own: its buckets are paths; empty: AWS
  std::string region = "us-east-1";
};

/// "https://bucket.s3.eu-west-1.amazonaws.com/key"; a bucket with "." in its name, or on an endpoint, is a path.
std::string s3_url(const s3_place& place, const std::string& bucket, const std::string& key);

/// Place and credentials are those of the environment, looked up at the first request.
std::unique_ptr<object_store> make_s3_store();

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/s3_store.ipp>
#endif
