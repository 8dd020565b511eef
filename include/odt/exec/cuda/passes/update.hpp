// SPDX-License-Identifier: MIT
// The pieces of an update in device memory, and what an update leaves there.
#pragma once

#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/update.hpp>

#include <cstddef>
#include <vector>

namespace odt::cuda {

/// What an update did; see odt::update_report.
struct device_update_report {
  double gradient_norm = 0;
  double regularization_loss = 0;
  float clip = 1;  ///< what gradients are multiplied with
  int finite = 1;
};

/// The pieces with their partial sums.
struct update_pieces {
  const update_piece* at = nullptr;
  int count = 0;
  double* squares = nullptr;    ///< [count]
  double* penalties = nullptr;  ///< [count]
};

class device_pieces {
 public:
  explicit device_pieces(const std::vector<update_piece>& pieces)
      : pieces_(pieces.size()), squares_(pieces.size()), penalties_(pieces.size()) {
    check(cudaMemcpy(pieces_.data(), pieces.data(), pieces_.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  }

  update_pieces view() const {
    return {pieces_.data(), static_cast<int>(pieces_.size()), squares_.data(), penalties_.data()};
  }
  std::size_t bytes() const { return pieces_.bytes() + squares_.bytes() + penalties_.bytes(); }

 private:
  device_array<update_piece> pieces_;
  device_array<double> squares_, penalties_;
};

/// The parallel stores of an update in device memory; `averages` may be null.
struct update_stores {
  static constexpr std::size_t most_slots = 4;

  float* values = nullptr;
  float* gradients = nullptr;
  float* slots[most_slots] = {};
  float* averages = nullptr;
};

/// Regularizes and multiplies the gradients, and leaves their norm, what the regularizers cost, how to clip, and
/// whether norm and loss are finite in `report`. Without gradients only the regularizers' cost means something;
/// `loss` may be null. All in device memory.
void measure_gradients(cudaStream_t stream, const update_options& options, const update_pieces& pieces,
                       const float* values, float* gradients, const float* loss, device_update_report* report);

}  // namespace odt::cuda
