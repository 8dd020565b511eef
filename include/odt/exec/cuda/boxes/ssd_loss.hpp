// SPDX-License-Identifier: MIT
// An SSD's loss but for the policies in it: what it reads, its memory, and what it leaves on the device.
#pragma once

#include <odt/core/box.hpp>
#include <odt/exec/cuda/boxes/mining.hpp>
#include <odt/exec/cuda/boxes/targets.hpp>
#include <odt/exec/cuda/machine/scratch.hpp>
#include <odt/exec/ssd_predictions.hpp>
#include <odt/ssd/loss_options.hpp>

#include <cstdint>

namespace odt::cuda {

/// The two losses as the API reports them (weighted, normalized), and counts over the batch.
struct ssd_losses_report {
  float localization = 0;
  float classification = 0;
  float total = 0;  ///< of both
  double mined_positives = 0;
  double mined_negatives = 0;
  double positives = 0;  ///< anchors that are matched
  double negatives = 0;
  double ignored = 0;
  double matched_boxes = 0;  ///< of the ground truth
  double boxes = 0;          ///< of it in all
};

namespace detail {

/// What the kernels take of ssd_loss_options.
struct loss_numbers {
  float classification_weight, localization_weight;
  bool by_matches, by_codesize, background_as_zeros, background_column;
  mining_loss ranks_by;

  explicit loss_numbers(const ssd_loss_options& o)
      : classification_weight(o.classification_weight),
        localization_weight(o.localization_weight),
        by_matches(o.normalize_loss_by_num_matches),
        by_codesize(o.normalize_loc_loss_by_codesize),
        background_as_zeros(o.encode_background_as_zeros),
        background_column(o.add_background_class),
        ranks_by(o.miner ? o.miner->ranks_by : mining_loss::both) {}
};

/// Memory of a batch between the launches.
struct loss_memory {
  float* classification;  // [batch, anchors] weighted costs, before mining
  float* localization;
  std::uint8_t* kept;   // [batch, anchors]
  mined_counts* mined;  // [batch]
  double* class_sums;   // [batch]
  double* box_sums;
  boxf* boxes;  // mining only, [batch, anchors]
  float* losses;
  void* mining;
  std::int64_t bytes;

  loss_memory(void* scratch, int batch, int anchors, bool mines) {
    scratch_space space(scratch);
    const std::int64_t rows = std::int64_t{1} * batch * anchors, mined_rows = mines ? rows : 0;
    classification = space.take<float>(rows), localization = space.take<float>(rows);
    kept = space.take<std::uint8_t>(mined_rows);
    mined = space.take<mined_counts>(batch);
    class_sums = space.take<double>(batch), box_sums = space.take<double>(batch);
    boxes = space.take<boxf>(mined_rows);
    losses = space.take<float>(mined_rows);
    mining = space.take<std::byte>(mines ? mining_scratch_bytes(batch, anchors) : 0);
    bytes = space.used();
  }
};

/// Sums up what counts, and writes the report.
void report_losses(cudaStream_t stream, const loss_numbers& numbers, int code_size, const ssd_predictions& in,
                   const counted_targets& targets, const loss_memory& memory, bool mines, ssd_losses_report* report);

}  // namespace detail

/// The report as numbers that several ranks add up, all in device memory, and back.
inline constexpr int ssd_report_numbers = 9;
void take_numbers(cudaStream_t stream, const ssd_losses_report* report, double* numbers);
void put_numbers(cudaStream_t stream, const double* numbers, ssd_losses_report* report);

}  // namespace odt::cuda
