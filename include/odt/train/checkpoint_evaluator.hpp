// SPDX-License-Identifier: MIT
// Evaluation of checkpoints that are there, or that come while it watches a directory.
#pragma once

#include <odt/train/data.hpp>
#include <odt/train/model_setup.hpp>
#include <odt/train/progress.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace odt {

struct eval_flags {
  model_source source;    ///< source.checkpoint: a prefix (evaluated once) or a directory
  bool run_once = false;  ///< the directory's newest only; otherwise every newer one too
  std::string eval_dir;   ///< of the event files; empty: <directory of the checkpoint>/eval_0, ...
  std::string output;     ///< a file for all detections in COCO's result format; empty: none
  evaluation_choice evaluations;
  int data_threads = 0;
  bad_example on_bad_example = bad_example::fail;
};

/// Evaluates; answers how many checkpoints it evaluated. Watching ends with SIGINT or SIGTERM, or after
/// eval_config.max_evals.
std::int64_t evaluate_checkpoints(std::span<const detector_type> types, const eval_flags& flags, console& out);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/checkpoint_evaluator.ipp>
#endif
