// SPDX-License-Identifier: MIT
// Server-sent events to one client.
#pragma once

#include <string_view>

namespace odt::http {

/// Ends when its last owner lets go of it, when the client goes, or when the server stops.
class event_stream {
 public:
  virtual ~event_stream() = default;
  event_stream(const event_stream&) = delete;
  event_stream& operator=(const event_stream&) = delete;

  /// From any thread, without waiting. False: nobody listens any more, or the client reads too slowly. Data of several
  /// lines arrives as such; an empty event is a page's "message".
  virtual bool send(std::string_view event, std::string_view data) = 0;

 protected:
  event_stream() = default;
};

}  // namespace odt::http
