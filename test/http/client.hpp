// SPDX-License-Identifier: MIT
// A client on loopback that sends just the bytes it is given.
#pragma once

#include <odt/core/text.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <string_view>

namespace odt::test {

class raw_client {
 public:
  explicit raw_client(int port, int seconds = 10) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval wait{.tv_sec = seconds, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    address.sin_port = ::htons(static_cast<std::uint16_t>(port));
    connected = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~raw_client() { ::close(socket_); }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Up to and with `end`, or what came before the connection's end.
  std::string read_to(std::string_view end) {
    std::size_t at;
    while ((at = pending_.find(end)) == pending_.npos)
      if (!more()) return std::exchange(pending_, "");
    return take(at + end.size());
  }

  std::string read_to_end() {
    while (more()) {
    }
    return std::exchange(pending_, "");
  }

  /// One whole answer; `no_body`: to a HEAD, or 100.
  std::string answer(bool no_body = false) {
    std::string head = read_to("\r\n\r\n");
    std::size_t body = 0;
    if (const auto at = head.find("Content-Length: "); at != head.npos)
      std::from_chars(head.data() + at + 16, head.data() + head.size(), body);
    if (no_body) return head;
    while (pending_.size() < body && more()) {
    }
    return head + take(std::min(body, pending_.size()));
  }

  std::string ask(std::string_view request) { return send(request) ? answer() : std::string(); }

  bool connected = false;

 private:
  bool more() {
    char bytes[16384];
    const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count > 0) pending_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }
  std::string take(std::size_t count) {
    std::string taken = pending_.substr(0, count);
    pending_.erase(0, count);
    return taken;
  }

  int socket_;
  std::string pending_;
};

inline std::string get(std::string_view target, std::string_view headers = "") {
  return str("GET ", target, " HTTP/1.1\r\nHost: localhost\r\n", headers, "\r\n");
}

inline std::string post(std::string_view target, std::string_view body, std::string_view headers = "") {
  return str("POST ", target, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: ", body.size(), "\r\n", headers, "\r\n",
             body);
}

inline int status_of(std::string_view answer) {
  int status = 0;
  if (answer.size() > 12) std::from_chars(answer.data() + 9, answer.data() + 12, status);
  return status;
}

inline std::string body_of(std::string_view answer) {
  const auto at = answer.find("\r\n\r\n");
  return at == answer.npos ? "" : std::string(answer.substr(at + 4));
}

}  // namespace odt::test
