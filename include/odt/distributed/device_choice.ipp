// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/distributed/device_choice.hpp>

#include <algorithm>
#include <cstddef>

namespace odt {

ODT_INLINE int device_of(int rank, std::span<const std::string> hosts, int count) {
  const std::string& own = hosts[static_cast<std::size_t>(rank)];
  const auto before = static_cast<int>(std::ranges::count(hosts.first(static_cast<std::size_t>(rank)), own));
  if (count == 1) return 0;
  if (before >= count)
    fail("rank ", rank, " is number ", before + 1, " of the ", std::ranges::count(hosts, own), " ranks on ", own,
         ", where it sees ", count, " GPUs; start as many ranks a machine as it has GPUs, or run with --device cpu");
  return before;
}

ODT_INLINE void require_own_devices(std::span<const std::string> devices) {
  for (std::size_t later = 1; later < devices.size(); ++later)
    for (std::size_t earlier = 0; earlier < later; ++earlier)
      if (devices[earlier] == devices[later])
        fail("ranks ", earlier, " and ", later, " would both take the GPU ", devices[later],
             "; start as many ranks a machine as it has GPUs, or run with --device cpu");
}

}  // namespace odt
