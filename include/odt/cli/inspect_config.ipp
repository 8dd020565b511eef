// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/inspect.hpp>
#include <odt/core/target.hpp>
#include <odt/train/training_setup.hpp>

namespace odt {

ODT_INLINE std::string inspect_config(const std::string& path, std::span<const detector_type> detectors) {
  train_flags flags;
  flags.pipeline_config_path = path;
  flags.threads = flags.data_threads = 1;
  training_setup training = set_up_training(detectors, flags, nullptr);
  std::string text = str("config ", path, "\n", describe(training, console().columns()), "\n");
  for (const data_input& input : training.evaluations)
    text += str("  evaluated on ", join(input.options.input_path, ", "), "\n");
  if (const auto report = fine_tune(training)) text += report->table();
  return text;
}

}  // namespace odt
