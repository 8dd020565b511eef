// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/cli/flags.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/http/guard.hpp>
#include <odt/label/server.hpp>
#include <odt/train/stop_signal.hpp>

#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace odt {

namespace detail::cli {

struct label_command {
  labelling::label_options how;
  labelling::learning_options learning;
  std::string label_map;
  std::vector<std::string> classes;
  bool train = false;
};

/// The classes that are given by a label map, or by name.
ODT_INLINE label_map given_classes(const label_command& c) {
  if (!c.label_map.empty() && !c.classes.empty())
    fail("--label_map and --label both name the classes; give one of them");
  if (!c.label_map.empty()) return label_map::read(c.label_map);
  return c.classes.empty() ? label_map() : label_map::from_names(c.classes);
}

ODT_INLINE bool is_this_machine(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

ODT_INLINE void complete_label_options(label_command& c) {
  c.how.labels.classes = given_classes(c);
  c.how.model.label_map_path = c.label_map;
  if (c.how.http.token.empty() && !is_this_machine(c.how.http.address)) c.how.http.token = http::random_token();
  if (!c.train) {
    if (c.how.model.checkpoint.empty() && c.how.model_dir.empty() && !c.how.export_dir.empty())
      c.how.model_dir = directory_of(c.how.export_dir);
    return;
  }
  if (c.how.model_dir.empty()) fail("--train: --model_dir is needed, for the checkpoints of what is trained");
  if (c.how.model.pipeline_config_path.empty())
    fail("--train: --pipeline_config_path is needed; it says which detector is trained, and how");
  labelling::learning_options& l = c.learning;
  l.pipeline_config_path = std::exchange(c.how.model.pipeline_config_path, {});  // exports bring their own
  l.model_dir = c.how.model_dir;
  l.export_dir = c.how.export_dir;
  l.label_map = c.label_map;
  l.classes = c.classes;
  l.threads = c.how.model.threads;
  l.device = c.how.model.device;
  c.how.learning = l;
}

ODT_INLINE int run_label(label_command& c, const program& p) {
  complete_label_options(c);
  const stop_signal stop;
  labelling::label_server server(p.detectors, c.how);
  const std::string token = c.how.http.token.empty() ? std::string() : "/?token=" + c.how.http.token;
  std::printf("%zu photos of %s, to be labelled at %s%s\nCtrl-C ends it; what the page calls saved is on the disk\n",
              server.photos().size(), c.how.images.c_str(), server.url().c_str(), token.c_str());
  std::fflush(stdout);
  while (stop_signal::received() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  server.stop();
  return 0;
}

ODT_INLINE void add_label_photos(CLI::App& app, label_command& c) {
  app.add_option("--images,--source", c.how.images,
                 "folder of photos, with those below it, or a text file that lists photos, a path a line")
      ->required();
  app.add_option("--annotations", c.how.annotations,
                 "folder for labelImg's XML files; when not given, beside the photos");
  app.add_option(
      "--label_map,--label_map_path", c.label_map,
      "label map or classes.txt with all classes; when not given, those of the XML files, and others are added "
      "on the page");
  app.add_option("--label", c.classes, "the classes instead, with commas: cat,dog")
      ->delimiter(',')
      ->allow_extra_args(false);
  static const std::map<std::string, labels_of_turned> turned{{"upright", labels_of_turned::upright},
                                                              {"stored", labels_of_turned::stored}};
  app.add_option("--exif", c.how.labels.turned,
                 "on which picture boxes of photos with an EXIF orientation were drawn, where their files do not tell")
      ->transform(CLI::CheckedTransformer(turned).description(""))
      ->type_name("upright|stored=upright");
}

ODT_INLINE void add_label_server(CLI::App& app, label_command& c) {
  app.add_option("--address,--ip", c.how.http.address,
                 "where the page is served; any but this machine's own asks for a token")
      ->capture_default_str();
  app.add_option("--port", c.how.http.port, "of the page; 0: any that is free")
      ->check(between(0, 65535))
      ->capture_default_str();
  app.add_option("--token", c.how.http.token, "asked of every visitor; made up where one is needed and none is given");
  app.add_option("--host", c.how.http.hosts, "names by which a proxy's visitors call the server, with commas")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--lease_seconds", c.how.lease_seconds, "how long a photo is held for a person who does nothing")
      ->check(between(1.0, 86400.0))
      ->capture_default_str();
  app.add_option("--page", c.how.page, "folder with the page's files (index.html, ...), for whoever changes them");
}

ODT_INLINE void add_label_model(CLI::App& app, label_command& c) {
  app.add_option("--model_dir", c.how.model_dir,
                 "of suggestions: the newest of its exports, else its newest checkpoint, also those that come later");
  app.add_option("--export_dir", c.how.export_dir, "exports, in directories called by numbers; else MODEL_DIR/export");
  app.add_option("--checkpoint", c.how.model.checkpoint,
                 "of suggestions: this checkpoint, export or frozen graph alone");
  app.add_option("--pipeline_config_path", c.how.model.pipeline_config_path,
                 "the pipeline.config; num_classes and paths of data need not be right with --train");
  app.add_option("--threshold", c.how.threshold, "suggestions with a higher score are shown; the page has a slider")
      ->check(between(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--threads", c.how.model.threads, "threads that compute; 0: all of the machine's")
      ->check(between(0, 1024));
  add_device_flags(app, c.how.model.device, c.how.model.compute);
}

ODT_INLINE void add_label_learning(CLI::App& app, label_command& c) {
  labelling::learning_options& l = c.learning;
  app.add_flag("--train", c.train, "train with what is accepted, in the background, and suggest with what comes of it");
  app.add_option("--data_dir", l.data_dir, "records of accepted photos; else MODEL_DIR/data");
  app.add_option("--steps_per_epoch", l.steps_per_epoch, "steps of a round; -1: as many as photos are accepted")
      ->check(between(-1, 100000000))
      ->capture_default_str();
  app.add_option("--update_every", l.update_every, "newly accepted photos that begin a round")
      ->check(positive())
      ->capture_default_str();
  app.add_option("--held_out", l.held_out, "share of the photos that is evaluated on and never trained with")
      ->check(between(0.0, 0.9))
      ->capture_default_str();
  app.add_flag("--run_eval,!--no_run_eval", l.run_eval, "evaluate each round on the held-out photos (the default)");
  app.add_option("--eval_steps", l.eval_steps, "photos to evaluate on, at most; 0: all")
      ->check(not_negative())
      ->capture_default_str();
  app.add_option("--temp_files_num", l.temp_files_num, "exports, and sets of records, that are kept")
      ->check(positive())
      ->capture_default_str();
  app.add_option("--max_checkpoints_num", l.max_checkpoints_num, "checkpoints that are kept")
      ->check(between(1, 5))
      ->capture_default_str();
  app.add_option("--hparams_overrides", l.hparams_overrides, "changes to the config: learning_rate=0.01,batch_size=8");
  app.add_option("--config_override", l.config_override, "text that is merged into the config");
}

ODT_INLINE void add_label(CLI::App& app, program& p) {
  CLI::App* label =
      app.add_subcommand("label", "Draw boxes on photos in a browser, with a detector that learns meanwhile");
  label->footer(
      "Example: odt label --images photos --label cat,dog\n"
      "With a detector: odt label --images photos --label cat,dog --train --model_dir model "
      "--pipeline_config_path pipeline.config");
  const auto command = std::make_shared<label_command>();
  command->how.http.port = 8090;
  command->how.http.threads = 12;  // some may wait for a detector
  add_label_photos(*label, *command);
  add_label_model(*label, *command);
  add_label_learning(*label, *command);
  add_label_server(*label, *command);
  label->callback([command, &p] { p.action = [command, &p] { return run_label(*command, p); }; });
}

}  // namespace detail::cli

}  // namespace odt
