// SPDX-License-Identifier: MIT
// A detector to and from checkpoints: the whole state (to go on), the variables (to evaluate and detect), or what fits
// (to start from somebody else's training).
#pragma once

#include <odt/detector.hpp>
#include <odt/train/run_state.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace odt {

/// Writes everything that `model` holds, its global_step, and the run's state to `prefix`, by rising name. Either the
/// whole checkpoint is there afterwards or nothing.
void save_checkpoint(detector& model, const run_state& run, const std::string& prefix);

/// Reads back what save_checkpoint wrote; a tensor that is missing or of another shape is an error that lists all of
/// them. Answers the run's state; a checkpoint without one (TensorFlow's) goes on from its global_step with
/// `unless_there`.
run_state resume_checkpoint(detector& model, const checkpoint_reader& checkpoint, const run_state& unless_there);

/// Reads the model's variables, and its moving averages when `averages` (a checkpoint without them is warned about, and
/// then they are equal to the variables); slots stay as they are. Sets global_step when the checkpoint has it.
void restore_variables(detector& model, const checkpoint_reader& checkpoint, bool averages = false);

/// Which variables a fine_tune_checkpoint is asked for (train_config's fields).
struct fine_tune_options {
  std::string checkpoint{};                         ///< what checkpoint_prefix takes
  std::string type = "detection";                   ///< or "classification": names without the extractor's scope
  bool load_all_detection_checkpoint_vars = false;  ///< not only the feature extractor's
};

/// What each variable of a model is called in a checkpoint to start from; empty: it is not asked for.
std::vector<std::string> fine_tune_names(std::span<const std::string> variables,
                                         std::span<const feature_extractor_scope> scopes,
                                         const fine_tune_options& options);

/// What became of one variable of the model.
struct restore_line {
  enum class outcome { restored, not_asked_for, missing, other_shape, other_type };

  std::string variable;
  std::string shape;   ///< "[3,3,32,64]"
  std::string source;  ///< name in the checkpoint
  std::string found;   ///< what is there instead, for other_shape and other_type
  outcome what = outcome::missing;
};

struct restore_report {
  std::string checkpoint;
  std::string remark{};             ///< what was made of a checkpoint that is not TensorFlow's
  std::vector<restore_line> lines;  ///< one a model variable
  std::vector<std::string> unused;  ///< tensors of the checkpoint that no variable asked for
  /// For type "classification", where the checkpoint has none of the names at its root: the scopes below which it has
  /// them, as a detector's has those of its feature extractor. A single one is taken.
  std::vector<std::string> classifier_scopes;

  std::size_t count(restore_line::outcome what) const;

  /// For people: what was not restored and why, line by line; what was, in groups.
  std::string table() const;
};

/// Fills the variables that the checkpoint has; the others keep their initial values. A classifier of torchvision's
/// (io/torchvision.hpp) is made one of slim's for the model's input and norms. Nothing that fits at all is an error
/// with the table. The global step and the slots are not restored, as in the API.
restore_report fine_tune(detector& model, const fine_tune_options& options);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/restore.ipp>
#endif
