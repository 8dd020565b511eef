// SPDX-License-Identifier: MIT
// What the evaluation of checkpoints tells as it goes: lines for people, and summaries in its event file. There are two
// manners, model_main's and that of the older legacy/eval.py.
#pragma once

#include <odt/io/event_file.hpp>
#include <odt/train/evaluator.hpp>
#include <odt/train/progress.hpp>

#include <memory>
#include <string>

namespace odt {

class evaluation_log {
 public:
  virtual ~evaluation_log() = default;

  /// The evaluation of a checkpoint begins.
  virtual void begin(const std::string& prefix) = 0;
  /// It has a result, on one of its inputs.
  virtual void end(const evaluation& result, const std::string& prefix, event_writer& events) = 0;
  /// Nothing new is there, or (`none`) nothing at all; `seconds` are left until the next evaluation may begin.
  virtual void wait(const std::string& directory, bool none, double seconds) = 0;
  /// There will be no further evaluation.
  virtual void finish() {}
};

std::unique_ptr<evaluation_log> make_evaluation_log(console& out);

/// legacy/eval.py's lines ("INFO:tensorflow:Writing metrics to tf summary.") and tags (image-0, Losses/Loss/...).
std::unique_ptr<evaluation_log> make_legacy_evaluation_log(console& out);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/evaluation_log.ipp>
#include <odt/train/legacy_evaluation_log.ipp>
#endif
