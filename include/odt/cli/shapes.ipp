// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/shapes.hpp>
#include <odt/train/progress.hpp>

#include <memory>

namespace odt {

namespace detail::cli {

ODT_INLINE int run_shapes(shapes_options how) {
  console out;
  how.progress = [&out](std::size_t done, std::size_t all) {
    if (out.terminal()) out.status(str("picture ", done, " of ", all));
  };
  make_shapes(how);
  out.line(str(counted(how.count, "picture"), " with ", join(shape_names(), ", "), ": ", how.output,
               "/images, with labelImg's XML files in ", how.output, "/annotations",
               how.masks ? str(" and masks in ", how.output, "/instances.json") : ""));
  return 0;
}

ODT_INLINE void add_shapes(CLI::App& app, program& p) {
  CLI::App* shapes = app.add_subcommand("shapes", "Draw a small labelled photo set to try everything with");
  shapes->footer("Example: odt shapes --output shapes --count 300");
  const auto how = std::make_shared<shapes_options>();
  shapes->add_option("--output", how->output, "directory for images/ and annotations/")->required();
  shapes->add_option("--count", how->count, "pictures")->check(between(1, 1000000))->capture_default_str();
  shapes->add_option("--height", how->size.height, "of a picture, in pixels")
      ->check(between(64, 4096))
      ->capture_default_str();
  shapes->add_option("--width", how->size.width, "of a picture, in pixels")
      ->check(between(64, 4096))
      ->capture_default_str();
  shapes->add_option("--max_objects", how->max_objects, "in a picture")->check(between(1, 50))->capture_default_str();
  shapes->add_flag("--masks", how->masks, "write also instances.json, COCO's annotations with the objects' outlines");
  shapes->add_option("--seed", how->seed, "the same seed draws the same pictures")->capture_default_str();
  shapes->callback([how, &p] { p.action = [how] { return run_shapes(*how); }; });
}

}  // namespace detail::cli

}  // namespace odt
