// SPDX-License-Identifier: MIT
// A small HTTP/1.1 server for programs of ours: bounded in every direction, and for this machine alone unless it is
// told otherwise.
#pragma once

#include <odt/http/event_stream.hpp>
#include <odt/http/message.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace odt::http {

namespace detail {
struct server_core;
}

struct server_options {
  std::string address = "127.0.0.1";  ///< or a name; what is not this machine's alone needs a token
  int port = 0;                       ///< 0: any that is free
  int threads = 4;                    ///< that run handlers
  std::size_t max_header = 16 << 10;
  std::size_t max_body = 64 << 20;        ///< as it is sent
  std::size_t max_unzipped = 256 << 20;   ///< and when gzip is unpacked
  std::size_t max_pending = 1024u << 20;  ///< of all bodies together
  std::size_t max_connections = 1024;
  std::size_t max_streams = 64;      ///< of events
  double timeout = 30;               ///< seconds for a header, and for body and answer beside their bytes' own time
  double grace = 10;                 ///< seconds that stop() leaves requests to end in
  std::string token{};               ///< asked of every request (guard.hpp)
  std::vector<std::string> hosts{};  ///< by which a proxy's clients call the server
};

/// Answers a request, from any thread; only the first call counts. When all its copies are gone without, it is 500.
using answer = std::function<void(response)>;

/// One thread moves bytes, so that no slow client holds up another; handlers run on threads of their own. Every answer
/// has a strict Content-Security-Policy unless it brings one, nosniff, no-referrer, and no-store unless it says how it
/// is to be cached; there is no CORS. A body is refused by its announced length before it is read: 413. Beyond
/// max_connections the one that has waited longest for its next request is closed, or 503 is the answer. A handler that
/// throws answers {"error": what()}: a refusal with its status, anything else with 500 and a warning in the log.
class server {
 public:
  using handler = std::function<response(const request&)>;
  using async_handler = std::function<void(request, answer)>;
  using stream_handler = std::function<void(const request&, std::shared_ptr<event_stream>)>;

  /// Listens from now on. Fails when the address cannot be had.
  server(const server_options& how, handler handle);
  /// The same with handlers that need not wait for their answers.
  server(const server_options& how, async_handler handle);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// GETs of this path become streams of events.
  void events(std::string path, stream_handler begin);

  int port() const;
  /// "http://127.0.0.1:8501"
  std::string url() const;
  /// Runs the work on a handlers' thread.
  void post(std::function<void()> work);

  /// Takes no more requests, lets those that are there end (grace), ends streams, and joins all threads.
  void stop();

 private:
  std::shared_ptr<detail::server_core> core_;
};

}  // namespace odt::http

#if defined(ODT_HEADER_ONLY)
#include <odt/http/server.ipp>
#endif
