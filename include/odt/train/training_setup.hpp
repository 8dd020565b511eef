// SPDX-License-Identifier: MIT
// All that a training run needs, read, checked and opened before anything is written: what cannot be trained with, or
// evaluated on beside it, is refused here. `odt inspect` asks the same of a config.
#pragma once

#include <odt/io/directory_lock.hpp>
#include <odt/train/data.hpp>
#include <odt/train/export_hooks.hpp>
#include <odt/train/model_setup.hpp>
#include <odt/train/progress.hpp>
#include <odt/train/restore.hpp>
#include <odt/train/shares.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace odt {

/// The flags of model_main, and ours.
struct train_flags {
  std::string pipeline_config_path;
  std::string hparams_overrides;
  std::string config_override;
  std::string model_dir;                        ///< empty: of no run, to check the rest
  std::optional<std::int64_t> num_train_steps;  ///< instead of train_config.num_steps
  bool stretch_schedule = false;                ///< makes the learning rate's schedule end with the last step
  double minutes = 0;  ///< trains so long instead, and the schedule ends with them (time_budget.hpp); 0: by steps
  evaluation_choice evaluations;
  std::optional<std::uint64_t> seed;  ///< of a new run; 0 when not given
  int threads = 0;                    ///< of the train step; 0: all of the machine's
  int data_threads = 0;               ///< 0: a quarter of the machine's
  std::optional<precision> compute{};
  std::string device = "auto";
  bad_example on_bad_example = bad_example::fail;
  double save_checkpoints_secs = 600;
  std::int64_t save_checkpoints_steps = 0;
  std::int64_t eval_every_steps = 0;
  std::optional<double> eval_interval;  ///< instead of eval_config.eval_interval_secs
  bool evaluate = true;                 ///< beside the training
  std::string metric;                   ///< that tells which checkpoint is best; empty: the first mAP
  int patience = 0;                     ///< evaluations without a better one that end the run; 0: they do not
  std::int64_t log_every = 100;
  int iterations_per_loop = 1;  ///< steps that an accelerator takes in one go
  bool legacy = false;          ///< tells and saves as the API's legacy/train.py does
  share_flags sharing{};
  export_hooks hooks{};
};

/// All that a run is made of.
struct training_setup {
  pipeline config;
  std::optional<directory_lock> lock{};  ///< of the model_dir
  std::optional<checkpoint_reader> resume_from{};
  run_state run{};
  std::unique_ptr<detector> model{};
  train_options options{};
  step_shares shares{};
  eval_options evaluation{};
  loader_options input{};          ///< with its records
  std::unique_ptr<loader> data{};  ///< start_reading makes it
  label_survey labels{};           ///< of the training input
  std::vector<data_input> evaluations{};
  std::int64_t last_step = 0;
  double seconds = 0;                ///< of a training of a given time; 0: up to last_step
  std::int64_t schedule_length = 0;  ///< with it: steps of the schedule; 0: the rate does not depend on the step
  std::vector<step_shape> steps{};   ///< the train step's, then the evaluations'
};

/// Makes it. Where looking at the labels takes long, `out` (if any) says how far it is.
training_setup set_up_training(std::span<const detector_type> types, const train_flags& flags, console* out);

/// Begins to read images ahead, which takes a batch's memory and threads.
void start_reading(training_setup& s);

/// Takes the variables that train_config.fine_tune_checkpoint has; nothing when it names none.
std::optional<restore_report> fine_tune(training_setup& s);

/// Warns, at a run's start, of batch norms that it leaves close to where they began; see norm_averages.hpp.
void check_norms(const training_setup& s, const std::optional<restore_report>& start);

/// For people: the detector, the memory that it needs (too little is an error), images, seed and steps. Lines are
/// broken at that many columns; 0: not.
std::string describe(const training_setup& s, std::size_t columns = 0);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/training_setup.ipp>
#endif
