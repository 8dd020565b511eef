// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/inspect.hpp>
#include <odt/core/target.hpp>
#include <odt/train/choose_detector.hpp>
#include <odt/train/describe.hpp>
#include <odt/train/training_setup.hpp>

namespace odt {

namespace detail::config_inspection {

ODT_INLINE std::string describe_training(const std::string& path, std::span<const detector_type> detectors) {
  train_flags flags;
  flags.pipeline_config_path = path;
  flags.threads = flags.data_threads = 1;
  training_setup training = set_up_training(detectors, flags, nullptr);
  std::string text = describe(training, console().columns()) + "\n";
  for (const data_input& input : training.evaluations)
    text += str("  evaluated on ", join(input.options.input_path, ", "), "\n");
  const auto report = fine_tune(training);
  if (report) text += report->table();
  check_norms(training, report);
  return text;
}

/// The detector alone; nothing where that is what is wrong.
ODT_INLINE std::string describe_alone(const std::string& path, std::span<const detector_type> detectors) try {
  const pipeline config = pipeline::load(path);
  check_complete(config.root(), config_use::detect);
  const auto model = choose_detector(detectors, config.root()).make(config.root(), {.threads = 1});
  return describe_detector(*model, config.root().at("train_config").get<int>("batch_size"), console().columns());
} catch (const error&) {
  return {};
}

}  // namespace detail::config_inspection

ODT_INLINE std::string inspect_config(const std::string& path, std::span<const detector_type> detectors) {
  namespace d = detail::config_inspection;
  const std::string title = str("config ", path, "\n");
  try {
    return title + d::describe_training(path, detectors);
  } catch (const error& wrong) {
    throw inspection_error(wrong, title + d::describe_alone(path, detectors));
  }
}

}  // namespace odt
