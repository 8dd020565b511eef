// SPDX-License-Identifier: MIT
// How a connection answers, and ends.
#pragma once

#include <odt/core/target.hpp>
#include <odt/http/connection.ipp>

#include <algorithm>

namespace odt::http::detail {

ODT_INLINE void connection::turn_away(const response& r) {
  parser_.reset();  // the rest of the request is not to be had
  respond(r);
}

ODT_INLINE void connection::respond(response r) {
  handled_.reset();
  if (phase_ == phase::closing) return;
  namespace h = beast::http;
  out_.emplace();
  out_->result(static_cast<unsigned>(r.status));
  const auto set = [&](std::string_view name, std::string_view value) {
    out_->set(beast::string_view(name.data(), name.size()), beast::string_view(value.data(), value.size()));
  };
  set("Server", "odt");
  set("Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  set("X-Content-Type-Options", "nosniff");
  set("Referrer-Policy", "no-referrer");
  set("Cross-Origin-Resource-Policy", "same-origin");
  set("Cache-Control", "no-store");
  if (!r.type.empty()) set("Content-Type", r.type);
  for (const auto& [name, value] : r.headers)
    if (value.find_first_of("\r\n") == value.npos) set(name, value);
  const bool complete = parser_ && parser_->is_done();
  const bool keep = complete && parser_->keep_alive() && !core_.stopping;
  out_->version(parser_ ? std::max(10u, parser_->get().version()) : 11);
  out_->keep_alive(keep);
  out_->body() = std::move(r.body);
  out_->prepare_payload();
  write(keep);
}

ODT_INLINE void connection::write(bool keep) {
  namespace h = beast::http;
  phase_ = phase::answering;
  deadline(static_cast<double>(out_->body().size()));
  if (!head_) {
    h::async_write(stream_, *out_,
                   [self = shared_from_this(), keep](error_code ec, std::size_t) { self->written(ec, keep); });
    return;
  }
  const auto header = std::make_shared<h::response_serializer<h::string_body>>(*out_);
  h::async_write_header(stream_, *header, [self = shared_from_this(), keep, header](error_code ec, std::size_t) {
    self->written(ec, keep);
  });
}

ODT_INLINE void connection::written(error_code ec, bool keep) {
  out_.reset();
  give_back();
  if (ec) return close();
  if (keep && !core_.stopping && phase_ != phase::closing) return read_header();
  linger();
}

/// Ends our side, and reads on for a moment: a client that is still sending would lose the answer otherwise.
ODT_INLINE void connection::linger() {
  phase_ = phase::closing;
  error_code ec;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ec);
  if (ec || (parser_ && parser_->is_done())) return close();
  stream_.expires_after(std::chrono::seconds(2));
  drain(16 << 20);
}

ODT_INLINE void connection::drain(std::size_t left) {
  stream_.async_read_some(boost::asio::buffer(scrap_), [self = shared_from_this(), left](error_code ec, std::size_t n) {
    if (ec || n >= left) return self->close();
    self->drain(left - n);
  });
}

ODT_INLINE void connection::close() {
  phase_ = phase::closing;
  if (heartbeat_) heartbeat_->cancel();
  stream_.close();
}

ODT_INLINE void connection::wind_up() {
  if (phase_ == phase::waiting || phase_ == phase::streaming) close();
}

}  // namespace odt::http::detail
