// SPDX-License-Identifier: MIT
// What a training tells as it goes: lines for people, and summaries in its event file. There are two manners,
// model_main's and that of the older legacy/train.py.
#pragma once

#include <odt/detector.hpp>
#include <odt/io/event_file.hpp>
#include <odt/train/progress.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace odt {

/// A train step that was taken.
struct taken_step {
  const step_report& report;
  std::int64_t number = 0;  ///< global_step after it
  int images = 0;
  double waited = 0;      ///< seconds, for data
  double seconds = 0;     ///< in all
  std::int64_t last = 0;  ///< the run's last step, as far as it is known; 0: there is none
};

class training_log {
 public:
  virtual ~training_log() = default;

  /// The training begins; the detector outlives the log.
  virtual void begin(detector&) {}
  virtual void step(const taken_step& taken) = 0;
  /// A checkpoint is about to be written, and was written.
  virtual void saving(const std::string& /*model_dir*/) {}
  virtual void saved(const std::string& /*prefix*/) {}
  /// The last step was taken; a checkpoint follows.
  virtual void end() {}
};

/// Tells nothing: of ranks that another one speaks for.
class silent_training_log final : public training_log {
 public:
  void step(const taken_step&) override {}
};

/// Of the older program.
struct legacy_log_options {
  int batch_queue_capacity = 150, prefetch_queue_capacity = 5;  ///< train_config's; they are in the tags
  double summary_secs = 120;                                    ///< between summaries
};

/// A line and summaries every `log_every` steps, and a line that replaces itself where there is a terminal.
std::unique_ptr<training_log> make_training_log(event_writer& events, console& out, std::int64_t log_every);

/// legacy/train.py's: a line "INFO:tensorflow:global step 1: loss = 9.4450 (0.123 sec/step)" a step, and every two
/// minutes summaries under its tags, with histograms of the variables.
std::unique_ptr<training_log> make_legacy_training_log(event_writer& events, console& out,
                                                       const legacy_log_options& how);

/// Opens an event file that begins with the graph (the bytes of a GraphDef; may be empty) and, as a text, the config.
std::unique_ptr<event_writer> open_events(const std::string& directory, const std::string& graph,
                                          const std::string& config);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/legacy_training_log.ipp>
#include <odt/train/training_log.ipp>
#endif
