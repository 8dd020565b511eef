// SPDX-License-Identifier: MIT
// A whole training run: from a config and a directory to a trained detector.
#pragma once

#include <odt/train/data.hpp>
#include <odt/train/model_setup.hpp>
#include <odt/train/progress.hpp>
#include <odt/train/training_loop.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace odt {

/// The flags of model_main, and ours.
struct train_flags {
  std::string pipeline_config_path;
  std::string hparams_overrides;
  std::string model_dir;
  std::optional<std::int64_t> num_train_steps;  ///< instead of train_config.num_steps
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
  std::int64_t log_every = 100;
};

/// Trains, or goes on when model_dir has a checkpoint. What happens is told on the console.
training_outcome train(std::span<const detector_type> types, const train_flags& flags, console& out);

/// What differs between two configs and matters to a run that goes on: "train_config.batch_size: 8, was 16". Paths of
/// files, evaluation and the number of steps do not.
std::vector<std::string> config_changes(const settings& before, const settings& now);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/trainer.ipp>
#endif
