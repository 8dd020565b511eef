// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/cli/inspect.hpp>
#include <odt/core/target.hpp>

#include <cstdio>
#include <memory>

namespace odt {

namespace detail::cli {

ODT_INLINE void add_inspect(CLI::App& app, program& p) {
  CLI::App* inspect = app.add_subcommand(
      "inspect", "Tell what records, a checkpoint, an event file, a label map, a config or an image hold");
  inspect->footer("Example: odt inspect pipeline.config train.record model/model.ckpt-1000");
  struct command {
    std::vector<std::string> paths;
    bool tensors = false;
  };
  const auto given = std::make_shared<command>();
  inspect->add_option("files", given->paths, "files; for a checkpoint its prefix, directory or .tar.gz")->required();
  inspect->add_flag("--tensors", given->tensors, "list the tensors of checkpoints");
  inspect->callback([given, &p] {
    p.action = [given, &p] {
      const auto print = [](const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); };
      for (const std::string& path : given->paths) try {
          print(odt::inspect(path, p.detectors, given->tensors));
        } catch (const inspection_error& wrong) {
          print(wrong.text());
          throw;
        }
      return 0;
    };
  });
}

}  // namespace detail::cli

}  // namespace odt
