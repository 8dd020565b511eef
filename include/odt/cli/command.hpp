// SPDX-License-Identifier: MIT
// How a subcommand joins the program: it declares its flags and says what to do when it is called.
#pragma once

#include <odt/detector.hpp>
#include <odt/distributed/world.hpp>
#include <odt/train/export_hooks.hpp>
#include <odt/train/trainer.hpp>

#include <functional>
#include <span>

namespace CLI {
class App;
}

namespace odt::detail::cli {

struct program {
  std::span<const detector_type> detectors;
  std::function<int()> action;  ///< of the subcommand that was called
};

/// What a training and an evaluation ask of the exporter: the graph, and where `export_best`, the best checkpoint.
export_hooks hooks_of(const program& p, bool export_best);

/// Trains, with the other ranks where this process is one of several. What one of them cannot go on from ends all.
training_outcome train_together(const program& p, train_flags flags, const world_options& how, console& out);

void add_checkpoint(CLI::App& app, program& p);
void add_convert(CLI::App& app, program& p);
void add_train(CLI::App& app, program& p);
void add_eval(CLI::App& app, program& p);
void add_detect(CLI::App& app, program& p);
void add_export(CLI::App& app, program& p);
void add_inspect(CLI::App& app, program& p);
void add_label(CLI::App& app, program& p);
void add_launch(CLI::App& app, program& p);
void add_legacy_eval(CLI::App& app, program& p);
void add_legacy_train(CLI::App& app, program& p);
void add_serve(CLI::App& app, program& p);
void add_shapes(CLI::App& app, program& p);
void add_bench(CLI::App& app, program& p);

}  // namespace odt::detail::cli
