// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/http/connection.ipp>
#include <odt/http/connection_answers.ipp>
#include <odt/http/connection_events.ipp>
#include <odt/http/server.hpp>

#include <algorithm>

namespace odt::http {

ODT_INLINE detail::server_core::server_core(const server_options& how, server::async_handler handler)
    : options(how),
      handle(std::move(handler)),
      budget(how.max_pending),
      workers(static_cast<std::size_t>(std::max(1, how.threads))) {}

ODT_INLINE void detail::server_core::listen() {
  using boost::asio::ip::tcp;
  const std::string place = str(options.address, ":", options.port);
  boost::system::error_code ec;
  const auto found =
      tcp::resolver(io).resolve(options.address, std::to_string(options.port), tcp::resolver::passive, ec);
  if (ec || found.empty()) fail(options.address, " is no address of this machine: ", ec.message());
  endpoint = found.begin()->endpoint();
  const bool loopback = endpoint.address().is_loopback();
  if (!loopback && options.token.empty())
    fail(place, " can be reached from elsewhere, so it needs a token; or take 127.0.0.1");
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(boost::asio::socket_base::max_listen_connections, ec);
  if (!ec) endpoint = acceptor.local_endpoint(ec);
  if (ec) fail("cannot listen on ", place, ": ", ec.message());
  guard.emplace(
      guard_options{.loopback = loopback, .token = options.token, .hosts = options.hosts, .port = endpoint.port()});
}

ODT_INLINE void detail::server_core::run() {
  accept();
  thread = std::thread([this] {
    for (;;) try {
        io.run();
        return;
      } catch (const std::exception& e) {
        warn("the server: ", e.what());
      }
  });
}

ODT_INLINE void detail::server_core::accept() {
  acceptor.async_accept([this](boost::system::error_code ec, boost::asio::ip::tcp::socket socket) {
    if (stopping || ec == boost::asio::error::operation_aborted) return;
    if (!ec) {
      admit(std::move(socket));
      return accept();
    }
    // No more descriptors, most likely: those that are there have to end first.
    evict();
    const auto pause = std::make_shared<boost::asio::steady_timer>(io, std::chrono::milliseconds(100));
    pause->async_wait([this, pause](boost::system::error_code e) {
      if (!e && !stopping) accept();
    });
  });
}

ODT_INLINE void detail::server_core::admit(boost::asio::ip::tcp::socket socket) {
  const bool full = connections.size() >= options.max_connections;
  const bool room = !full || evict();
  const auto c = std::make_shared<connection>(*this, std::move(socket));
  connections.insert(c.get());
  if (room) return c->begin();
  if (connections.size() > 2 * options.max_connections) return;  // is dropped without a word
  response busy = error_response(503, "too many clients are connected; try again");
  busy.headers.emplace_back("Retry-After", "1");
  c->turn_away(busy);
}

/// Closes the connection that has waited longest for a request, if one waits.
ODT_INLINE bool detail::server_core::evict() {
  connection* oldest = nullptr;
  for (connection* c : connections)
    if (c->waits() && (!oldest || c->since() < oldest->since())) oldest = c;
  if (oldest) oldest->close();
  return oldest;
}

ODT_INLINE void detail::server_core::gone(connection* c) {
  connections.erase(c);
  if (!stopping || !connections.empty()) return;
  const std::lock_guard lock(mutex);
  all_gone = true;
  empty.notify_all();
}

ODT_INLINE std::optional<server::stream_handler> detail::server_core::stream_of(const std::string& path) {
  const std::lock_guard lock(mutex);
  const auto found = streams.find(path);
  return found == streams.end() ? std::nullopt : std::optional(found->second);
}

ODT_INLINE void detail::server_core::begin_stop() {
  stopping = true;
  boost::system::error_code ec;
  acceptor.close(ec);
  const std::vector<connection*> there(connections.begin(), connections.end());
  for (connection* c : there) c->wind_up();
  if (!connections.empty()) return;
  const std::lock_guard lock(mutex);
  all_gone = true;
  empty.notify_all();
}

ODT_INLINE void detail::server_core::end() {
  boost::asio::post(io, [this] { begin_stop(); });
  {
    std::unique_lock lock(mutex);
    empty.wait_for(lock, std::chrono::duration<double>(options.grace), [this] { return all_gone; });
  }
  workers.stop();
  workers.join();
  io.stop();
  thread.join();
  const std::vector<connection*> left(connections.begin(), connections.end());
  for (connection* c : left) c->let_go();
}

ODT_INLINE server::server(const server_options& how, async_handler handle)
    : core_(std::make_shared<detail::server_core>(how, std::move(handle))) {
  core_->listen();
  core_->run();
}

ODT_INLINE server::server(const server_options& how, handler handle)
    : server(how, async_handler([handle = std::move(handle)](const request& asked, const answer& give) {
               give(handle(asked));
             })) {}

ODT_INLINE server::~server() { stop(); }

ODT_INLINE void server::events(std::string path, stream_handler begin) {
  const std::lock_guard lock(core_->mutex);
  core_->streams[std::move(path)] = std::move(begin);
}

ODT_INLINE int server::port() const { return core_->endpoint.port(); }

ODT_INLINE std::string server::url() const {
  const auto address = core_->endpoint.address();
  const std::string host = address.is_v6() ? str("[", address.to_string(), "]") : address.to_string();
  return str("http://", host, ":", port());
}

ODT_INLINE void server::post(std::function<void()> work) { boost::asio::post(core_->workers, std::move(work)); }

ODT_INLINE void server::stop() {
  if (core_->thread.joinable()) core_->end();
}

}  // namespace odt::http
