// SPDX-License-Identifier: MIT
// The page that a server shows people: drop a photo, see what is found in it.
#pragma once

#include <odt/http/message.hpp>

#include <optional>
#include <string_view>

namespace odt::serve {

/// "/", "/page.css" and "/page.js".
std::optional<http::response> page_part(std::string_view path);

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/page.ipp>
#endif
