// SPDX-License-Identifier: MIT
// Which number of an evaluation tells how good a checkpoint is, and when no better one is waited for.
#pragma once

#include <odt/io/checkpoint_keeper.hpp>
#include <odt/train/evaluator.hpp>

#include <optional>
#include <string>

namespace odt {

/// The number of that name: a tag, or what stands behind the last "/" of the only tag that ends so ("mAP@.50IOU"); the
/// headline where the name is empty. Losses are better when they are lower. Nothing where there is no headline; a name
/// that no number has is an error with those there are.
std::optional<measurement> measure(const evaluation& result, const std::string& metric);

/// Refuses a name that no evaluation with these options will have, before any.
void check_metric(const std::string& metric, const eval_options& options, const label_map& labels);

/// Counts evaluations in a row that were not better than the best.
class patience {
 public:
  /// `evaluations`: so many end the run; 0: it never ends so.
  explicit patience(int evaluations) : most_(evaluations) {}

  void add(bool better) { without_ = better ? 0 : without_ + 1; }
  bool over() const { return most_ > 0 && without_ >= most_; }

 private:
  int most_, without_ = 0;
};

/// "no better DetectionBoxes_Precision/mAP in 5 evaluations (--patience)"
std::string no_better(const std::string& metric, int evaluations);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/best_metric.ipp>
#endif
