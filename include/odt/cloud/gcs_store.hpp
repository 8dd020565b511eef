// SPDX-License-Identifier: MIT
// Google Cloud Storage over its JSON interface (https://cloud.google.com/storage/docs/json_api).
#pragma once

#include <odt/cloud/object_store.hpp>

#include <memory>

namespace odt::cloud {

/// STORAGE_EMULATOR_HOST, with or without "http://", is asked instead of Google, without a token. Credentials are
/// looked for at the first request.
std::unique_ptr<object_store> make_gcs_store();

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/gcs_store.ipp>
#endif
