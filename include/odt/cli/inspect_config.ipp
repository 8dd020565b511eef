// SPDX-License-Identifier: MIT
#pragma once

#include <odt/augmentations/catalogue.hpp>
#include <odt/cli/inspect.hpp>
#include <odt/config/options.hpp>
#include <odt/config/pipeline.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/train/choose_detector.hpp>
#include <odt/train/describe.hpp>
#include <odt/train/progress.hpp>

namespace odt {

ODT_INLINE std::string inspect_config(const std::string& path, std::span<const detector_type> detectors) {
  const pipeline config = pipeline::load(path);
  const settings& root = config.root();
  check_complete(root, config_use::detect);
  const auto model = choose_detector(detectors, root).make(root, {.threads = 1});
  const settings& train = root.at("train_config");
  augmentation_chain_from(train.at("data_augmentation_options"));
  const int batch_size = train.get<int>("batch_size");
  for (const auto* other : {"train_config", "train_input_reader", "eval_input_reader", "eval_config"})
    root.at(other).accept();
  refuse_unread(root);
  return str("config ", path, "\n", describe_detector(*model, batch_size, console().columns()));
}

}  // namespace odt
