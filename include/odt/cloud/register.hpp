// SPDX-License-Identifier: MIT
// Lets paths begin with gs:// and s3://. Programs that link odt::cloud do this before main().
#pragma once

namespace odt::cloud {

/// Always true, so that a constant at namespace scope can call it.
bool register_stores();

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/register.ipp>
#endif
