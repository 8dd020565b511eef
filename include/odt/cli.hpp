// SPDX-License-Identifier: MIT
// A whole program around detectors: int main(int argc, char** argv) { return odt::cli<my_detector>(argc, argv); }
// with the subcommands label, convert, train, eval, detect, inspect, shapes and bench, and model_main's flags.
#pragma once

#include <odt/cli/run.hpp>

namespace odt {

/// Runs the command line for a program that was compiled with these detectors; the exit status is main's. Errors go to
/// stderr as "odt: error: ...": status 1, or 2 when the command line itself is wrong.
template <class... Detectors>
int cli(int argc, char** argv) {
  return run_cli({Detectors::type()...}, argc, argv);
}

}  // namespace odt
