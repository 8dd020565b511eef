// SPDX-License-Identifier: MIT
// Flags that several subcommands have.
#pragma once

#include <odt/core/precision.hpp>
#include <odt/dataset/loader.hpp>

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace odt::detail::cli {

/// --threads and --data_threads.
void add_thread_flags(CLI::App& app, int& threads, int& data_threads);

/// --device=cpu|cuda|auto and --precision=fp32|bf16
void add_device_flags(CLI::App& app, std::string& device, std::optional<precision>& what);

/// --metric, --patience and --export_best
void add_best_flags(CLI::App& app, std::string& metric, int& patience, bool& export_best);

/// --on_bad_example=skip|fail
void add_bad_example_flag(CLI::App& app, bad_example& what);

}  // namespace odt::detail::cli

#if defined(ODT_HEADER_ONLY)
#include <odt/cli/flags.ipp>
#endif
