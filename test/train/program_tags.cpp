// SPDX-License-Identifier: MIT
// The tags of event files beside those of the API's own programs, which ran on the same config and photos: model_main's
// training and evaluation, and legacy/train.py and legacy/eval.py.
#include <odt/io/event_file.hpp>
#include <odt/train/checkpoint_evaluator.hpp>
#include <odt/train/trainer.hpp>

#include "any_ssd.hpp"
#include "golden.hpp"
#include "scratch.hpp"

#include <odt/core/log.hpp>
#include <odt/io/file.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

using odt::event;
using odt::test::scratch_directory;
using tags = std::map<std::string, std::string>;  ///< with the kind of their values

const auto programs = odt::test::golden() / "models/programs";

/// The config of the API's runs, with paths that lead to its files from here.
struct run {
  scratch_directory at;
  std::vector<odt::detector_type> types{odt::test::any_ssd::type()};
  std::string overrides = odt::str("train_input_path=", (programs / "train.record").string(),
                                   ",eval_input_path=", (programs / "val.record").string(),
                                   ",label_map_path=", (programs / "label_map.pbtxt").string());
  std::string text;  ///< what was told

  void train(bool legacy) {
    odt::train_flags flags;
    flags.pipeline_config_path = (programs / "pipeline.config").string();
    flags.hparams_overrides = overrides;
    flags.model_dir = at / "model";
    flags.num_train_steps = 2;
    flags.log_every = 1;
    flags.evaluate = !legacy;
    flags.legacy = legacy;
    tell([&](odt::console& out) { odt::train(types, flags, out); });
  }

  void evaluate(bool legacy) {
    odt::eval_flags flags;
    flags.source.pipeline_config_path = (programs / "pipeline.config").string();
    flags.source.hparams_overrides = overrides;
    flags.source.checkpoint = at / "model";
    flags.eval_dir = at / "eval";
    flags.run_once = true;
    flags.legacy = legacy;
    tell([&](odt::console& out) { odt::evaluate_checkpoints(types, flags, out); });
  }

  void tell(const std::function<void(odt::console&)>& action) {
    std::FILE* file = std::fopen((at / "told").c_str(), "w");
    {
      odt::console out(file, false);
      action(out);
    }
    std::fclose(file);
    text = odt::read_file(at / "told");
  }
};

const char* name_of(event::kind kind) {
  switch (kind) {
    case event::kind::scalar:
      return "simple_value";
    case event::kind::picture:
      return "image";
    case event::kind::histogram:
      return "histo";
    case event::kind::text:
      return "tensor";
    default:
      return "";
  }
}

tags written(const std::string& directory) {
  tags found;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    if (file.path().filename().string().find("tfevents") == std::string::npos) continue;
    odt::event_reader reader(file.path().string());
    for (event e; reader.next(e);)
      if (!e.tag.empty()) found[e.tag] = name_of(e.what);
  }
  return found;
}

/// The fixture's, of the run in that directory.
tags expected(const std::string& directory) {
  tags found;
  const auto runs = odt::test::load_json(programs / "case.json").at("events");
  for (const auto& [file, one] : runs.items())
    if (std::filesystem::path(file).parent_path() == directory)
      for (const auto& [tag, what] : one.at("tags").items()) found[tag] = what.at("value").get<std::string>();
  return found;
}

/// Exactly the fixture's tags and those `besides`, each of its kind.
void check_tags(const tags& found, const tags& wanted, const std::set<std::string>& besides) {
  BOOST_TEST(!wanted.empty());
  for (const auto& [tag, kind] : wanted) BOOST_TEST_CONTEXT(tag) {
      BOOST_TEST(found.contains(tag));
      if (found.contains(tag)) BOOST_TEST(found.at(tag) == kind);
    }
  for (const auto& [tag, kind] : found) BOOST_TEST(wanted.contains(tag) + besides.count(tag) == 1u, tag);
}

/// The lines of the older programs, numbers, paths and times as "#": what both tell has to be told alike.
std::vector<std::string> shapes_of(const std::string& text) {
  static const std::regex variable(R"(( [^ ]*/model\.ckpt(-\d+)?)|(\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d)|(-?\d+(\.\d+)?))");
  std::vector<std::string> shapes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("INFO:tensorflow:")) shapes.push_back(std::regex_replace(line, variable, "#"));
  return shapes;
}

void check_lines(const std::string& told, const std::string& console, const std::set<std::string>& only_there) {
  const auto own = shapes_of(told);
  const std::set<std::string> here(own.begin(), own.end());
  for (const std::string& line : shapes_of(odt::read_file((programs / console).string()))) {
    const bool of_its_own = std::ranges::any_of(
        only_there, [&line](const std::string& part) { return line.find(part) != std::string::npos; });
    BOOST_TEST(here.contains(line) != of_its_own, line);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(program_tags_tests)

BOOST_AUTO_TEST_CASE(model_main_s_tags_are_those_of_the_api, *odt::test::needs(programs)) {
  run here;
  here.train(false);
  check_tags(written(here.at / "model"), expected("model"),
             {"pipeline_config", "loss", "learning_rate", "Loss/classification_loss", "Loss/localization_loss",
              "Loss/regularization_loss"});
  check_tags(written(here.at / "model/eval_0"), expected("model/eval_0"), {"pipeline_config"});
  here.evaluate(false);
  check_tags(written(here.at / "eval"), expected("eval_only/eval"), {"pipeline_config"});
}

BOOST_AUTO_TEST_CASE(the_older_programs_tags_and_lines_are_those_of_the_api, *odt::test::needs(programs)) {
  run here;
  here.train(true);
  check_tags(written(here.at / "model"), expected("legacy_model"), {"pipeline_config"});
  check_lines(here.text, "legacy_train.console.txt",
              {"Reading", "filenames to read", "depth of additional conv", "local_init_op"});
  here.evaluate(true);
  check_tags(written(here.at / "eval"), expected("legacy_eval"), {"pipeline_config"});
  check_lines(here.text, "legacy_eval.console.txt", {"Reading", "filenames to read", "depth of additional conv"});
}

BOOST_AUTO_TEST_SUITE_END()
