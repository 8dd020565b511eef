// SPDX-License-Identifier: MIT
// An HTTP server of a test's own on loopback.
#pragma once

#include <odt/core/text.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace odt::test {

/// The text of an answer; `announced` bytes of body are promised where that is more than there are.
inline std::string http_answer(int status, const std::string& body, std::size_t announced = 0,
                               const std::string& headers = "") {
  return str("HTTP/1.1 ", status, " Said\r\nConnection: close\r\nContent-Length: ", std::max(announced, body.size()),
             "\r\n", headers, "\r\n", body);
}

/// Answers one request after the other with what `answer` says to its text; an empty answer closes the connection.
class toy_server {
 public:
  explicit toy_server(std::function<std::string(const std::string& request)> answer) : answer_(std::move(answer)) {
    listening_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    ::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listening_, 16);
    socklen_t size = sizeof address;
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    host = str("127.0.0.1:", ::ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~toy_server() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }
  toy_server(const toy_server&) = delete;
  toy_server& operator=(const toy_server&) = delete;

  std::string host;  ///< "127.0.0.1:12345"
  std::atomic<int> requests{0};

 private:
  void serve() {
    for (int connection; (connection = ::accept(listening_, nullptr, nullptr)) >= 0; ::close(connection)) {
      const std::string request = read(connection);
      ++requests;
      const std::string said = answer_(request);
      [[maybe_unused]] const auto sent = ::send(connection, said.data(), said.size(), MSG_NOSIGNAL);
    }
  }

  /// Head and body.
  static std::string read(int connection) {
    std::string text;
    char bytes[4096];
    for (std::size_t whole = std::string::npos; text.size() < whole;) {
      const ssize_t count = ::recv(connection, bytes, sizeof bytes, 0);
      if (count <= 0) break;
      text.append(bytes, static_cast<std::size_t>(count));
      const auto head = text.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      std::size_t body = 0;
      if (const auto length = text.find("Content-Length: "); length < head)
        std::from_chars(text.data() + length + 16, text.data() + head, body);
      whole = head + 4 + body;
    }
    return text;
  }

  std::function<std::string(const std::string&)> answer_;
  int listening_ = -1;
  std::thread thread_;
};

}  // namespace odt::test
