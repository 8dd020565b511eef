// SPDX-License-Identifier: MIT
// What a person may have meant by a command or flag that does not exist.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace odt::detail::cli {

/// The subcommands' names.
std::vector<std::string> command_names(const CLI::App& app);

/// After a command line was refused: a line for each command or flag that does not exist, with the nearest one that
/// does, among them the words of other programs for the same. Empty when all of them exist.
std::string unknown_words(const CLI::App& root);

/// The subcommand that was chosen last; `root` when none was.
const CLI::App& chosen_command(const CLI::App& root);

/// "odt convert csv"
std::string full_name(const CLI::App& command);

/// Takes the flags of the API's programs that cannot have an effect here; each that is given is told.
void add_idle_flags(CLI::App& app);

}  // namespace odt::detail::cli

#if defined(ODT_HEADER_ONLY)
#include <odt/cli/unknown_words.ipp>
#endif
