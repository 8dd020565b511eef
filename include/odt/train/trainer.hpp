// SPDX-License-Identifier: MIT
// A whole training run: from a config and a directory to a trained detector.
#pragma once

#include <odt/train/progress.hpp>
#include <odt/train/training_loop.hpp>
#include <odt/train/training_setup.hpp>

#include <span>
#include <string>
#include <vector>

namespace odt {

/// Trains, or goes on when model_dir has a checkpoint. What happens is told on the console. A run that goes on is
/// compared with what it was: other records and another config are warned of, classes that changed places refused.
training_outcome train(std::span<const detector_type> types, const train_flags& flags, console& out);

/// What differs between two configs and matters to a run that goes on: "train_config.batch_size: 8, was 16". Paths of
/// files, evaluation and the number of steps do not.
std::vector<std::string> config_changes(const settings& before, const settings& now);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/trainer.ipp>
#endif
