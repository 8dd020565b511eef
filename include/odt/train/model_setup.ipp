// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/log.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/file.hpp>
#include <odt/train/choose_detector.hpp>
#include <odt/train/model_setup.hpp>
#include <odt/train/restore.hpp>

#include <algorithm>

namespace odt {

namespace detail::model_setup {

/// The config that is given, that beside the checkpoint, or the one that a run left within it.
ODT_INLINE pipeline find_config(const model_source& source) {
  if (!source.pipeline_config_path.empty()) return pipeline::load(source.pipeline_config_path);
  const std::string directory = is_directory(source.checkpoint) ? source.checkpoint : directory_of(source.checkpoint);
  for (const std::string& place : {directory, join_path(directory, "..")})
    if (const std::string path = join_path(place, "pipeline.config"); file_exists(path)) return pipeline::load(path);
  const std::string prefix = checkpoint_prefix(source.checkpoint);
  const auto run = read_run_state(checkpoint_reader(prefix));
  if (!run || run->config.empty())
    fail("--pipeline_config_path is missing, and there is no pipeline.config in ", directory);
  info("there is no pipeline.config in ", directory, "; the one within the checkpoint is taken");
  return pipeline::parse(run->config, str(prefix, " (its pipeline.config)"));
}

/// The label_map_path of each reader that has one.
ODT_INLINE std::vector<std::string> label_map_paths(const settings& root) {
  std::vector<std::string> paths;
  const auto add = [&paths](const settings& reader) {
    if (const settings* field = reader.find("label_map_path"); field && field->set) paths.push_back(field->text);
  };
  for (const settings& reader : root.find("eval_input_reader")->children) add(reader);
  add(*root.find("train_input_reader"));
  return paths;
}

/// A model_dir may have been moved or copied: where no label map is at its path, one beside the config is taken.
ODT_INLINE void find_moved_label_map(pipeline& config, const std::string& config_path) {
  const auto paths = label_map_paths(config.root());
  if (paths.empty() || std::ranges::any_of(paths, file_exists)) return;
  const std::string directory = directory_of(config_path);
  for (const std::string& name : {paths.front().substr(paths.front().rfind('/') + 1), std::string("label_map.pbtxt")})
    if (const std::string beside = join_path(directory, name); file_exists(beside)) {
      info(config_path, ": there is no ", paths.front(), " from here; ", beside, " is taken");
      config.apply_hparam("label_map_path", {beside});
      return;
    }
}

}  // namespace detail::model_setup

ODT_INLINE pipeline load_config(const model_source& source) {
  pipeline config = detail::model_setup::find_config(source);
  if (!source.config_override.empty()) config.merge(source.config_override);
  if (!source.hparams_overrides.empty()) config.apply_hparams(source.hparams_overrides);
  detail::model_setup::find_moved_label_map(config, config.name());
  return config;
}

ODT_INLINE label_map label_map_of(const settings& root, const std::string& given, bool required) {
  std::string path = given, named_by = "--label_map_path";
  const auto look_in = [&](const settings& reader) {
    const settings* field = reader.find("label_map_path");
    if (path.empty() && field && field->set) path = field->text, named_by = field->path;
  };
  for (const settings& reader : root.at("eval_input_reader").children) look_in(reader);
  look_in(root.at("train_input_reader"));
  if (path.empty() && required) fail(root.place, ": no input reader names a label_map_path");
  if (path.empty()) return {};
  if (!required && given.empty() && !file_exists(path)) {
    warn(named_by, ": there is no ", path, "; classes have the names that the checkpoint knows, else their numbers");
    return {};
  }
  return label_map::read(path);
}

ODT_INLINE std::vector<std::string> ready_detector::class_names() const {
  std::vector<std::string> names;
  for (int id = 1; id <= model->num_classes(); ++id) names.push_back(labels.display_name(id));
  return names;
}

ODT_INLINE ready_detector load_detector(std::span<const detector_type> types, const model_source& source) {
  const std::string prefix = checkpoint_prefix(source.checkpoint);
  const pipeline config = load_config(source);
  const settings& root = config.root();
  check_complete(root, config_use::detect);
  ready_detector ready;
  ready.prefix = prefix;
  ready.model = choose_detector(types, root, source.device)
                    .make(root, {.threads = source.threads, .device = source.device, .compute = source.compute});
  ready.options = read_eval_options(root);
  ready.labels = label_map_of(root, source.label_map_path, false);
  if (!ready.labels.empty())
    check_num_classes(root, ready.labels, source.label_map_path.empty() ? "of the config" : source.label_map_path);
  for (const auto* unused : {"train_config", "train_input_reader", "eval_input_reader", "eval_config"})
    root.at(unused).accept();
  refuse_unread(root);
  const checkpoint_reader checkpoint(prefix);
  if (label_map trained = read_labels(checkpoint); !trained.empty()) {
    if (!ready.labels.empty()) warn_of_labels(prefix, trained, ready.labels);
    if (source.label_map_path.empty()) ready.labels = std::move(trained);
  }
  restore_variables(*ready.model, checkpoint, ready.options.use_moving_averages);
  if (ready.options.use_moving_averages && ready.model->has_averages()) ready.model->swap_averages();
  return ready;
}

}  // namespace odt
