// SPDX-License-Identifier: MIT
// Evaluation of checkpoints that are there, or that come while it watches a directory.
#pragma once

#include <odt/train/data.hpp>
#include <odt/train/export_hooks.hpp>
#include <odt/train/model_setup.hpp>
#include <odt/train/progress.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace odt {

struct eval_flags {
  model_source source;       ///< source.checkpoint: a prefix (evaluated once) or a directory
  bool run_once = false;     ///< the directory's newest only; otherwise those that come later too
  bool comes_later = false;  ///< what is not there yet is a directory that a training will make
  std::string eval_dir;      ///< of the event files; empty: <directory of the checkpoint>/eval_0, ...
  std::string output;        ///< a file for all detections in COCO's result format; empty: none
  evaluation_choice evaluations;
  int data_threads = 0;
  bad_example on_bad_example = bad_example::fail;
  std::optional<double> eval_interval;  ///< instead of eval_config.eval_interval_secs
  std::string metric;                   ///< that tells which checkpoint is best; empty: the first mAP
  int patience = 0;                     ///< evaluations without a better one that end the watching; 0: they do not
  bool keep_best = false;               ///< keeps the best in the checkpoints' directory, as a training does
  bool legacy = false;                  ///< tells as the API's legacy/eval.py does, with its default metric
  export_hooks hooks{};
};

/// Evaluates; answers how many checkpoints it evaluated. From the beginning of one evaluation to that of the next there
/// are eval_interval_secs at least. Watching ends with SIGINT or SIGTERM, when the patience is over, or after
/// eval_config.max_evals; with ignore_groundtruth after one.
std::int64_t evaluate_checkpoints(std::span<const detector_type> types, const eval_flags& flags, console& out);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/checkpoint_evaluator.ipp>
#endif
