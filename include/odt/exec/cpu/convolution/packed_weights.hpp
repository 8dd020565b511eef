// SPDX-License-Identifier: MIT
// Weights of convolutions in the form that their products read, kept while they do not change: an evaluation pass
// multiplies with what the one before has packed.
#pragma once

#include <odt/exec/cpu/convolution/convolution.hpp>
#include <odt/exec/cpu/machine/arena_memory.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

class packed_weights {
 public:
  /// A convolution to make room for, with the extents of its input and output.
  struct request {
    int variable;  ///< number of the weights; layers that share them share their packed forms
    cpu::window window;
    shape in, out;
  };

  /// Memory for those that have none yet: nothing is allocated afterwards.
  void reserve(const std::vector<request>& wanted);

  /// The packed weights of a convolution with room; packed now unless they are what forget() has left.
  const float* get(thread_pool& pool, const request& r, const float* weights);

  /// From now on the weights may be others.
  void forget() { ++version_; }

  std::size_t bytes() const;
  /// What bytes() will be once there is room for these too.
  std::size_t bytes_with(const std::vector<request>& wanted) const;

 private:
  struct slot {
    float* panels = nullptr;
    std::uint64_t version = 0;  ///< of the weights in it
  };
  using forms = std::array<slot, packed_forms>;

  slot& slot_of(const request& r) {
    return slots_[static_cast<std::size_t>(r.variable)]
                 [static_cast<std::size_t>(packed_form_of(r.window, r.in, r.out))];
  }

  std::vector<forms> slots_;  ///< by variable
  std::vector<arena_memory> blocks_;
  std::uint64_t version_ = 1;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/convolution/packed_weights.ipp>
#endif
