// SPDX-License-Identifier: MIT
// How a request can fail, by TensorFlow's codes.
#pragma once

#include <odt/core/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace odt::serve {

/// With gRPC's numbers.
enum class code : std::uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  resource_exhausted = 8,
  failed_precondition = 9,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
};

/// "INVALID_ARGUMENT", ...
constexpr std::string_view name_of(code c) {
  switch (c) {
    case code::ok:
      return "OK";
    case code::cancelled:
      return "CANCELLED";
    case code::unknown:
      return "UNKNOWN";
    case code::invalid_argument:
      return "INVALID_ARGUMENT";
    case code::deadline_exceeded:
      return "DEADLINE_EXCEEDED";
    case code::not_found:
      return "NOT_FOUND";
    case code::resource_exhausted:
      return "RESOURCE_EXHAUSTED";
    case code::failed_precondition:
      return "FAILED_PRECONDITION";
    case code::unimplemented:
      return "UNIMPLEMENTED";
    case code::internal:
      return "INTERNAL";
    case code::unavailable:
      return "UNAVAILABLE";
  }
  return "UNKNOWN";
}

/// The status of HTTP that TensorFlow Serving's REST interface gives.
constexpr int http_status(code c) {
  switch (c) {
    case code::ok:
      return 200;
    case code::invalid_argument:
    case code::failed_precondition:
      return 400;
    case code::not_found:
      return 404;
    case code::cancelled:
      return 499;
    case code::resource_exhausted:
      return 429;
    case code::unimplemented:
      return 501;
    case code::unavailable:
      return 503;
    case code::deadline_exceeded:
      return 504;
    case code::unknown:
    case code::internal:
      break;
  }
  return 500;
}

/// What became of a request or of the loading of a version.
struct status {
  code what = code::ok;
  std::string message{};

  bool ok() const { return what == code::ok; }
  friend bool operator==(const status&, const status&) = default;
};

/// A status that is thrown.
class failure : public error {
 public:
  failure(code what, const std::string& text) : error(text), what_(what) {}
  status as_status() const { return {what_, what()}; }

 private:
  code what_;
};

template <class... Pieces>
[[noreturn]] void refuse(code what, const Pieces&... pieces) {
  throw failure(what, str(pieces...));
}

}  // namespace odt::serve
