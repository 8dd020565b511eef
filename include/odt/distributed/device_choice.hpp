// SPDX-License-Identifier: MIT
// Which of its machine's accelerators a rank takes.
#pragma once

#include <span>
#include <string>

namespace odt {

/// The number of the one that belongs to a rank, of `count` that its process sees: its own number among the ranks of
/// its machine, or the only one where a launcher shows a process no other. `hosts` are all ranks' machines.
int device_of(int rank, std::span<const std::string> hosts, int count);

/// Refuses two ranks with one device; `devices` are the names of all ranks'.
void require_own_devices(std::span<const std::string> devices);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/distributed/device_choice.ipp>
#endif
