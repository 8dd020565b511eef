// SPDX-License-Identifier: MIT
// Nothing that was given is written over.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace odt {

/// Whether both paths lead to one file that is there.
bool same_file(const std::string& a, const std::string& b);

/// Fails when one of `outputs` is one of the files `inputs`, whatever their paths are called: through links, with other
/// spellings. `advice` ends the message: "choose another --output".
void refuse_to_replace(std::span<const std::string> inputs, std::span<const std::string> outputs,
                       std::string_view advice);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/same_file.ipp>
#endif
