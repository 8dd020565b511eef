// SPDX-License-Identifier: MIT
// The gRPC interface of a server, where the program links odt::grpc.
#pragma once

#include <odt/serve/metrics.hpp>
#include <odt/serve/models.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace odt::serve {

struct rpc_options {
  std::string address = "127.0.0.1";
  int port = 0;  ///< 0: any that is free
  std::size_t max_message = 64 << 20;
  std::string token{};  ///< asked of every call but those of the health service
};

class rpc_server {
 public:
  virtual ~rpc_server() = default;
  virtual int port() const = 0;
  /// Takes no more calls and lets those that are there end.
  virtual void stop() = 0;
};

using rpc_server_maker = std::function<std::unique_ptr<rpc_server>(models&, metrics&, const rpc_options&)>;

/// How this program serves by gRPC; empty unless it links odt::grpc, which sets it.
rpc_server_maker& rpc_server_of_program();

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/rpc_server.ipp>
#endif
