// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/cli/flags.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/detect/detect_images.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>

namespace odt {

namespace detail::cli {

struct detect_command {
  model_source source;
  find_options find;
  detect_options how;
  tiling tiles{.size = 0};
  bad_example on_bad_example = bad_example::skip;
  std::vector<std::string> images;
};

/// What was seen when nothing is drawn, and what would draw it.
ODT_INLINE std::string nothing_text(const detect_summary& summary, const detect_options& how) {
  if (summary.best_score <= 0)
    return "nothing was found at all; train longer, or lower post_processing's score_threshold in the config";
  double below = std::floor(100. * static_cast<double>(summary.best_score)) / 100;
  if (!(static_cast<float>(below) < summary.best_score)) below -= 0.01;
  return str("nothing has a score above ", significant(how.min_score), "; the best is ",
             significant(summary.best_score, 3), ": --min_score ", significant(below), " would draw it");
}

ODT_INLINE int run_detect(const detect_command& c, const program& p) {
  const auto images = find_images(c.images);
  const ready_detector detector = load_detector(p.detectors, c.source);
  find_options find = c.find;
  if (c.tiles.size > 0) find.tiles = c.tiles;
  const finder finder(detector, find);
  const auto start = std::chrono::steady_clock::now();
  detect_options how = c.how;
  how.skip_bad_images = c.on_bad_example == bad_example::skip;
  const detect_summary summary = detect_images(finder, images, how);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::string text = str(counted(static_cast<std::int64_t>(summary.images), "image"), ", ",
                               counted(static_cast<std::int64_t>(summary.boxes), "object"), " with a score above ",
                               significant(how.min_score), ", ", significant(seconds, 3), " s\n",
                               how.draw ? "pictures and lists" : "lists", " of what was found: ", how.output);
  std::printf("%s\n", text.c_str());
  if (summary.images && !summary.boxes) std::printf("%s\n", nothing_text(summary, how).c_str());
  if (!summary.bad.empty()) fail(summary.bad.size(), " of ", images.size(), " files could not be read (listed above)");
  return 0;
}

ODT_INLINE void add_detect(CLI::App& app, program& p) {
  CLI::App* detect = app.add_subcommand("detect", "Draw what a trained detector finds in pictures and videos");
  detect->footer("Example: odt detect --checkpoint model --output found photos/ holiday.jpg");
  const auto command = std::make_shared<detect_command>();
  detect_command& c = *command;
  detect
      ->add_option(
          "--checkpoint", c.source.checkpoint,
          "a checkpoint's prefix, a directory, whose newest it is, an export's directory, or a frozen graph (.pb)")
      ->required();
  detect->add_option("--pipeline_config_path", c.source.pipeline_config_path,
                     "the pipeline.config; when not given, the one beside the checkpoint");
  detect->add_option("--output", c.how.output, "directory for the pictures and lists")->required();
  std::map<std::string, detection_format> formats;
  for (const auto& [name, format] : detection_format_names) formats.emplace(name, format);
  detect
      ->add_option("--format", c.how.formats,
                   "lists of what was found: json (detections.json, whatever the score), and of what is drawn csv, "
                   "voc, coco, labelimg, yolo; several with commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case).description(""))
      ->type_name("json|csv|voc|coco|labelimg|yolo=json");
  detect->add_option("--classes", c.find.classes, "only these classes, by name, with commas")
      ->delimiter(',')
      ->allow_extra_args(false);
  detect->add_option("--tile", c.tiles.size, "besides the whole picture, look at tiles of so many pixels a side")
      ->check(between(16, 65536));
  detect->add_option("--overlap", c.tiles.overlap, "share of a tile that its neighbour covers too")
      ->check(between(0.0, 0.9))
      ->capture_default_str();
  detect->add_flag("!--no_pictures", c.how.draw, "write lists alone");
  detect->add_flag("--overwrite", c.how.overwrite, "replace lists of single pictures (XML, txt) that are there");
  detect->add_option("--min_score", c.how.min_score, "draw boxes with a higher score")
      ->check(between(0.0, 1.0))
      ->capture_default_str();
  detect->add_option("--max_boxes", c.how.max_boxes, "draw so many at most in a picture")
      ->check(positive())
      ->capture_default_str();
  detect->add_option(
      "--font", c.how.font,
      "a font file (.ttf, .otf, .ttc) for class names; when not given, what the system has for those beyond ASCII");
  detect->add_option("--label_map_path", c.source.label_map_path, "instead of the config's");
  detect->add_option("--hparams_overrides", c.source.hparams_overrides, "changes to the config");
  detect->add_option("--config_override", c.source.config_override, "text that is merged into the config");
  detect->add_option("--threads", c.source.threads, "threads that compute; 0: all of the machine's")
      ->check(between(0, 1024));
  add_device_flags(*detect, c.source.device, c.source.compute);
  add_bad_example_flag(*detect, c.on_bad_example);
  detect
      ->add_option(
          "images", c.images,
          "image files (JPEG, PNG, WebP, BMP, GIF, TIFF), videos (MP4, MOV, AVI, MKV, WebM...), directories, patterns")
      ->required();
  detect->callback([command, &p] { p.action = [command, &p] { return run_detect(*command, p); }; });
}

}  // namespace detail::cli

}  // namespace odt
