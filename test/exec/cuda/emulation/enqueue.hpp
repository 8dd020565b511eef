// SPDX-License-Identifier: MIT
// Work of tests on an emulated stream.
#pragma once

#include <functional>

namespace odt::emulation {

/// Runs it, or keeps it for the graph that this thread captures: what a library would put on a stream. It may wait for
/// other threads, which emulate GPUs of their own.
void enqueue(std::function<void()> step);

}  // namespace odt::emulation
