// SPDX-License-Identifier: MIT
// A connection that has become a stream of server-sent events.
#pragma once

#include <odt/core/target.hpp>
#include <odt/http/connection.ipp>

namespace odt::http::detail {

ODT_INLINE void connection::begin_events(server::stream_handler begin) {
  if (core_.open_streams >= core_.options.max_streams)
    return respond(error_response(503, str("there are ", core_.open_streams, " streams of events already")));
  ++core_.open_streams;
  phase_ = phase::streaming;
  events_.push_back(
      "HTTP/1.1 200 OK\r\nServer: odt\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nX-Accel-Buffering: no\r\nConnection: close\r\n\r\n: \n\n");
  write_events();
  watch_client();
  beat();
  auto stream = std::make_shared<connection_stream>(core_.weak_from_this(), weak_from_this());
  boost::asio::post(core_.workers,
                    [begin = std::move(begin), request = std::move(request_), stream = std::move(stream)]() mutable {
                      try {
                        begin(request, std::move(stream));
                      } catch (const std::exception& e) {
                        warn("GET ", request.path, ": ", e.what());
                      }
                    });
}

/// A client that listens sends nothing; what comes is its end.
ODT_INLINE void connection::watch_client() {
  stream_.socket().async_read_some(boost::asio::buffer(scrap_),
                                   [self = shared_from_this()](error_code ec, std::size_t) {
                                     if (ec) return self->close();
                                     self->watch_client();
                                   });
}

/// Now and then a comment, so that proxies keep the connection and a dead client is noticed.
ODT_INLINE void connection::beat() {
  if (!heartbeat_) heartbeat_.emplace(core_.io);
  heartbeat_->expires_after(std::chrono::seconds(15));
  // A weak one: a timer keeps no stream alive that nobody owns.
  heartbeat_->async_wait([weak = weak_from_this()](error_code ec) {
    const auto self = weak.lock();
    if (ec || !self || self->phase_ != phase::streaming) return;
    self->send_event(":\n\n");
    self->beat();
  });
}

ODT_INLINE void connection::send_event(std::string text) {
  if (phase_ != phase::streaming || events_end_) return;
  queued_ += text.size();
  if (queued_ > most_queued_events) return close();  // reads too slowly
  events_.push_back(std::move(text));
  if (events_.size() == 1) write_events();
}

ODT_INLINE void connection::write_events() {
  deadline();
  boost::asio::async_write(stream_, boost::asio::buffer(events_.front()),
                           [self = shared_from_this()](error_code ec, std::size_t) {
                             if (ec || self->phase_ != phase::streaming) return self->close();
                             self->queued_ -= std::min(self->queued_, self->events_.front().size());
                             self->events_.pop_front();
                             if (!self->events_.empty()) return self->write_events();
                             self->stream_.expires_never();
                             if (self->events_end_) self->close();
                           });
}

ODT_INLINE void connection::end_stream() {
  events_end_ = true;
  if (phase_ == phase::streaming && events_.empty()) close();
}

}  // namespace odt::http::detail
