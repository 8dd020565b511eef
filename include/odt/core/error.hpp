// SPDX-License-Identifier: MIT
// The one exception type. Its text names the file, the place, the value, and what would be right.
#pragma once

#include <odt/core/text.hpp>

#include <stdexcept>

namespace odt {

/// What every bad input is answered with. `what()` is a whole message for a person.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws odt::error with the pieces joined: fail(path, ":", line, ": ...").
template <class... Pieces>
[[noreturn]] void fail(const Pieces&... pieces) {
  throw error(str(pieces...));
}

}  // namespace odt
