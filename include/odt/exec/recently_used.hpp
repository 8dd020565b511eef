// SPDX-License-Identifier: MIT
// What steps make once for a size of images and find again: plans, batches' memory, anchors. Photos come in sizes
// without end, so that those used longest ago go.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace odt {

/// Sizes for which a device keeps plans and what belongs to them.
inline constexpr std::size_t most_sizes = 32;

/// At most so many T, which stay where they are until they go. The two that were found or added last do not go.
template <class T, std::size_t Most = most_sizes>
class recently_used {
  static_assert(Most > 1);

 public:
  /// The one that suits, used just now; or null.
  template <class Suits>
  T* find(const Suits& suits) {
    const auto found = std::ranges::find_if(all_, [&suits](const auto& one) { return suits(std::as_const(*one)); });
    if (found == all_.end()) return nullptr;
    std::rotate(found, found + 1, all_.end());
    return all_.back().get();
  }

  /// Takes one more. `dropped`, when given, is told of the one that goes for it, as long as it is there.
  T& add(std::unique_ptr<T> one) {
    return add(std::move(one), [](const T&) {});
  }
  template <class Dropped>
  T& add(std::unique_ptr<T> one, const Dropped& dropped) {
    if (all_.size() == Most) {
      dropped(std::as_const(*all_.front()));
      all_.erase(all_.begin());
    }
    return *all_.emplace_back(std::move(one));
  }

  void clear() { all_.clear(); }

  std::size_t size() const { return all_.size(); }
  /// Pointers to them, the one used last behind.
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::vector<std::unique_ptr<T>> all_;
};

/// What is kept of things of these sizes at most: the sum of the largest.
inline std::size_t sum_of_kept(std::vector<std::size_t> sizes, std::size_t most = most_sizes) {
  std::ranges::sort(sizes, std::greater{});
  sizes.resize(std::min(sizes.size(), most));
  return std::reduce(sizes.begin(), sizes.end());
}

}  // namespace odt
