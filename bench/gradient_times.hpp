// SPDX-License-Identifier: MIT
// When in a train step how many of its gradients are final, and so can be summed over the ranks while backward goes on.
#pragma once

#include <odt/exec/communicator.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::bench {

/// The only rank, which notes what it is told.
class gradient_times final : public communicator {
 public:
  int rank() const override { return 0; }
  int ranks() const override { return 1; }
  void begin(std::int64_t /*step*/) override { told_.clear(); }
  std::vector<std::string> gather(std::string_view bytes) override { return {std::string(bytes)}; }
  void finished(std::span<float> gradients) override { told_.emplace_back(gradients.size(), clock::now()); }
  void wait() override {}

  /// Of all that was finished in the last step.
  std::size_t floats() const { return told_.empty() ? 0 : told_.back().first; }

  /// Seconds before the last gradient that each of `parts` equal parts of the gradients was final.
  std::vector<double> seconds_left(std::size_t parts) const {
    std::vector<double> left;
    for (std::size_t part = 1; part <= parts; ++part) {
      const std::size_t wanted = floats() * part / parts;
      const auto there = std::ranges::find_if(told_, [wanted](const auto& t) { return t.first >= wanted; });
      left.push_back(std::chrono::duration<double>(told_.back().second - there->second).count());
    }
    return left;
  }

 private:
  using clock = std::chrono::steady_clock;
  std::vector<std::pair<std::size_t, clock::time_point>> told_;
};

}  // namespace odt::bench
