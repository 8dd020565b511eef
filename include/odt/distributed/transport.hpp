// SPDX-License-Identifier: MIT
// How bytes get from rank to rank. One thread uses a transport, and all ranks make the same calls in the same order.
#pragma once

#include <span>
#include <string>

namespace odt {

class transport {
 public:
  virtual ~transport() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  /// Sends out[r] to each other rank r and fills in[r] with what that sent here; sizes agree on both sides, elements of
  /// this rank itself are left alone. `doing` says what for, should a rank not answer.
  virtual void exchange(std::span<const std::span<const char>> out, std::span<const std::span<char>> in,
                        const std::string& doing) = 0;

  /// Called every second or so while there is nothing to exchange, to tell the others that this rank lives.
  virtual void idle() {}
  /// The same while another way between the ranks, such as that of their GPUs, is waited for: ends all when one of them
  /// gives no sign of life.
  virtual void watch(const std::string& /*doing*/) { idle(); }
  /// Seconds without a sign of life after which it does.
  virtual double timeout() const { return 60; }
};

}  // namespace odt
