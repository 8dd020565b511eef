// SPDX-License-Identifier: MIT
#pragma once

namespace odt {

/// How a whole record file is compressed; `detect` (reading only) looks at its first bytes.
enum class record_compression { detect, none, gzip, zlib };

}  // namespace odt
