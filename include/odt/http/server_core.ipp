// SPDX-License-Identifier: MIT
// What the connections of a server share.
#pragma once

#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/http/guard.hpp>
#include <odt/http/server.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>

namespace odt::http {

namespace detail {

class connection;

/// Bytes of bodies that may lie in memory.
class byte_budget {
 public:
  explicit byte_budget(std::size_t most) : left_(most) {}
  bool take(std::size_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }
  void give_back(std::size_t bytes) { left_ += bytes; }

 private:
  std::size_t left_;
};

/// All but `workers`, `streams` and what says so belongs to the thread of `io`.
struct server_core : std::enable_shared_from_this<server_core> {
  server_core(const server_options& how, server::async_handler handler);

  void listen();
  void run();
  void accept();
  void admit(boost::asio::ip::tcp::socket socket);
  bool evict();
  void gone(connection* c);
  std::optional<server::stream_handler> stream_of(const std::string& path);
  void begin_stop();
  void end();

  const server_options options;
  const server::async_handler handle;
  // Declared before io: connections that still lie in its queue when it ends leave this set.
  std::unordered_set<connection*> connections;
  byte_budget budget;
  std::size_t open_streams = 0;
  bool stopping = false;

  std::mutex mutex;  ///< of what follows
  std::condition_variable empty;
  bool all_gone = false;
  std::map<std::string, server::stream_handler> streams;

  boost::asio::io_context io{1};
  /// Answers may still come when nothing else is to do.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> stays{io.get_executor()};
  boost::asio::ip::tcp::acceptor acceptor{io};
  boost::asio::ip::tcp::endpoint endpoint;
  std::optional<odt::http::guard> guard;
  boost::asio::thread_pool workers;
  std::thread thread;
};

}  // namespace detail

}  // namespace odt::http
