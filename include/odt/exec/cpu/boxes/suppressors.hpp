// SPDX-License-Identifier: MIT
// Selected boxes, laid out so that a candidate meets many of them at once.
#pragma once

#include <odt/core/box.hpp>
#include <odt/exec/cpu/machine/simd.hpp>

#include <cstddef>
#include <limits>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail {

/// Boxes that have an area, in blocks of one vector, padded with boxes that touch nothing. Blocks are chained; the
/// chains' owner says which chain a box belongs to.
class suppressor_blocks {
 public:
  static constexpr int rows = 5;  ///< of a block: coordinates and area
  static constexpr int none = -1;

  struct chain {
    int head = none, tail = none, filled = 0;
  };

  /// `blocks` has room for rows * lanes floats a block, `next` for one number a block.
  suppressor_blocks(float* blocks, int* next) : blocks_(blocks), next_(next) {}

  int used() const { return used_; }

  void add(chain& to, const boxf& b) {
    if (to.head == none || to.filled == lanes) begin(to);
    float* block = at(to.tail);
    const float values[rows] = {b.ymin, b.xmin, b.ymax, b.xmax, area(b)};
    for (int k = 0; k < rows; ++k) block[k * lanes + to.filled] = values[k];
    ++to.filled;
  }

  /// A box that may go, against overlaps above a threshold.
  struct candidate {
    box<vec> bounds;
    vec own, limit, low;

    candidate(const boxf& b, float threshold)
        : bounds{b.ymin, b.xmin, b.ymax, b.xmax}, own(area(b)), limit(threshold), low(threshold * 0.999999f) {}
  };

  /// Whether any box of a block overlaps the candidate by more than the threshold. A division is made only near a hit.
  bool reach(int block, const candidate& c) const {
    const float* from = at(block);
    const box<vec> others{load(from), load(from + lanes), load(from + 2 * lanes), load(from + 3 * lanes)};
    const vec shared = intersection(others, c.bounds);
    const vec either = load(from + 4 * lanes) + c.own - shared;
    return xsimd::any(shared > either * c.low) && xsimd::any(shared / either > c.limit);
  }

  bool reach(const chain& of, const candidate& c) const {
    for (int i = of.head; i != none; i = next_[i])
      if (reach(i, c)) return true;
    return false;
  }

 private:
  static constexpr float far = std::numeric_limits<float>::max();
  static constexpr float nothing[rows] = {far, far, -far, -far, 0};

  void begin(chain& of) {
    for (int k = 0; k < rows; ++k) store(at(used_) + k * lanes, vec(nothing[k]));
    (of.head == none ? of.head : next_[of.tail]) = used_;
    next_[used_] = none;
    of.tail = used_++;
    of.filled = 0;
  }

  float* at(int block) const { return blocks_ + std::ptrdiff_t{block} * rows * lanes; }

  float* blocks_;
  int* next_;
  int used_ = 0;
};

}  // namespace detail

}  // namespace ODT_ISA
}  // namespace odt::cpu
