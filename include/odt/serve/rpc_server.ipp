// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/serve/rpc_server.hpp>

namespace odt::serve {

ODT_INLINE rpc_server_maker& rpc_server_of_program() {
  static rpc_server_maker maker;
  return maker;
}

}  // namespace odt::serve
