// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/unknown_words.hpp>
#include <odt/core/closest.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

namespace odt::detail::cli {

/// A word of other programs, and what it is called here.
struct synonym {
  std::string_view word, here;
};

inline constexpr synonym command_synonyms[] = {
    {"predict", "detect"}, {"infer", "detect"},   {"inference", "detect"}, {"demo", "detect"},
    {"test", "eval"},      {"val", "eval"},       {"validate", "eval"},    {"evaluate", "eval"},
    {"fit", "train"},      {"training", "train"}, {"info", "inspect"},     {"show", "inspect"},
    {"check", "inspect"},  {"import", "convert"}, {"dataset", "convert"},  {"benchmark", "bench"},
    {"pascal_voc", "voc"}, {"pascal", "voc"},     {"xml", "labelimg"},     {"table", "csv"},
    {"compare", "diff"},   {"ls", "list"},        {"mean", "average"},     {"freeze", "export"},
    {"annotate", "label"},
};

inline constexpr synonym flag_synonyms[] = {
    {"epochs", "num_train_steps"},
    {"iterations", "num_train_steps"},
    {"max_steps", "num_train_steps"},
    {"num_steps", "num_train_steps"},
    {"steps", "num_train_steps"},
    {"early_stopping", "patience"},
    {"time_limit", "minutes"},
    {"train_dir", "model_dir"},
    {"output_dir", "model_dir"},
    {"work_dir", "model_dir"},
    {"logdir", "model_dir"},
    {"config", "pipeline_config_path"},
    {"cfg", "pipeline_config_path"},
    {"pipeline_config", "pipeline_config_path"},
    {"lr", "hparams_overrides learning_rate=..."},
    {"learning_rate", "hparams_overrides learning_rate=..."},
    {"batch", "hparams_overrides batch_size=..."},
    {"batch_size", "hparams_overrides batch_size=..."},
    {"data", "hparams_overrides train_input_path=..."},
    {"dataset", "hparams_overrides train_input_path=..."},
    {"workers", "data_threads"},
    {"gpu", "device cuda"},
    {"gpus", "device cuda"},
    {"weights", "checkpoint"},
    {"model", "checkpoint"},
    {"model_dir", "checkpoint"},
    {"trained_checkpoint_prefix", "checkpoint"},
    {"conf", "min_score"},
    {"threshold", "min_score"},
    {"score_threshold", "min_score"},
    {"labels", "label_map_path"},
    {"label_map", "label_map_path"},
    {"output_dir", "output"},
    {"project", "output"},
    {"image_dir", "images"},
    {"annotations_dir", "annotations"},
};

ODT_INLINE std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

ODT_INLINE std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    if (!option->get_group().empty())
      for (const std::string& name : option->get_lnames()) names.push_back(name);
  return names;
}

ODT_INLINE std::string unknown_command(const CLI::App& app, const std::string& word) {
  const auto names = command_names(app);
  if (word.find("yolo") != std::string::npos && app.get_name() == "convert")
    return str("there is no \"", full_name(app), " ", word, "\": YOLO's text is not read. Save PASCAL ",
               "VOC's XML, as labelImg, CVAT, Label Studio and Roboflow can, and take \"", full_name(app), " voc\"");
  std::string near = closest(word, names);
  for (const synonym& s : command_synonyms)
    if (s.word == word && std::ranges::find(names, s.here) != names.end()) near = s.here;
  return str(
      "there is no \"", full_name(app), " ", word, "\"; ",
      near.empty() ? str("there are ", join(names, ", ")) : str("did you mean \"", full_name(app), " ", near, "\"?"));
}

ODT_INLINE std::string unknown_flag(const CLI::App& app, std::string_view given) {
  std::string word(given.substr(given.find_first_not_of('-')));
  word.resize(std::min(word.find('='), word.size()));
  std::ranges::replace(word, '-', '_');
  const auto names = flag_names(app);
  std::string near = closest(word, names);
  for (const synonym& s : flag_synonyms)
    if (s.word == word && std::ranges::find(names, s.here.substr(0, s.here.find(' '))) != names.end()) {
      near = s.here;
      break;
    }
  return str(full_name(app), " has no flag ", given.substr(0, given.find('=')),
             near.empty() ? "" : str("; did you mean --", near, "?"));
}

ODT_INLINE const CLI::App& chosen_command(const CLI::App& root) {
  const CLI::App* at = &root;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return *at;
}

ODT_INLINE std::string full_name(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return parent ? str(full_name(*parent), " ", command.get_name()) : command.get_name();
}

ODT_INLINE std::string unknown_words(const CLI::App& root) {
  const CLI::App& app = chosen_command(root);
  std::vector<std::string> words = app.remaining(), lines;
  if (&app != &root)
    for (const std::string& word : root.remaining()) words.push_back(word);
  const auto is_flag = [](const std::string& word) {
    return word.starts_with('-') && word.find_first_not_of('-') != std::string::npos;
  };
  const auto command = std::ranges::find_if_not(words, is_flag);
  if (!command_names(app).empty() && command != words.end()) return unknown_command(app, *command);
  for (const std::string& word : words)
    if (is_flag(word)) lines.push_back(unknown_flag(app, word));
  if (lines.empty() && !words.empty()) lines.push_back(str(full_name(app), " does not take \"", words.front(), "\""));
  return join(lines, "\n  ");
}

ODT_INLINE void add_idle_flags(CLI::App& app) {
  const auto tell = [](const char* name) { info(name, " has no effect here"); };
  for (const char* name : {"--logtostderr", "--clone_on_cpu"})
    app.add_flag_callback(name, [tell, name] { tell(name); })->group("");
  for (const char* name : {"--stderrthreshold", "--v", "--master", "--task", "--ps_tasks"})
    app.add_option_function<std::string>(name, [tell, name](const std::string&) { tell(name); })->group("");
  for (const char* name : {"--num_clones", "--worker_replicas"})
    app.add_option_function<int>(name,
                                 [name](int count) {
                                   if (count != 1)
                                     throw CLI::ValidationError(
                                         name, str(count, "; leave it out, and start odt with mpirun -n ", count,
                                                   " or behind odt launch --ranks ", count));
                                 })
        ->group("");
}

}  // namespace odt::detail::cli
