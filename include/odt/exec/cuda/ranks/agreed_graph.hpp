// SPDX-License-Identifier: MIT
// Which graph the ranks launch, where it holds sums of all of them: those of one capture, which all have made together,
// or none. A rank whose image has a new size, or whose memory has moved, brings all to run the step as it is.
#pragma once

#include <odt/exec/communicator.hpp>
#include <odt/exec/cuda/machine/graph.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace odt::cuda {

class agreed_graph {
 public:
  /// The graph of the work on this rank, captured if need be; null if it is to run as it is. Waits for all ranks. `how`
  /// is null where this rank cannot replay the step.
  template <class Work>
  const graph* of(communicator& ranks, const stream& on, replayed* how, const replayed::key& key, std::size_t slot,
                  const Work& work) {
    const std::uint64_t own = how ? how->readiness(key, slot) : replayed::runs_as_it_is;
    std::vector<std::uint64_t> all;
    for (const std::string& bytes : ranks.gather({reinterpret_cast<const char*>(&own), sizeof own}))
      std::memcpy(&all.emplace_back(), bytes.data(), sizeof own);
    const auto [least, most] = std::ranges::minmax(all);
    if (least == replayed::runs_as_it_is) return nullptr;
    if (least != most || own == replayed::can_be_captured) how->capture(on, slot, work, ++last_capture_);
    return how->of_slot(slot);
  }

 private:
  std::uint64_t last_capture_ = replayed::can_be_captured;
};

}  // namespace odt::cuda
