// SPDX-License-Identifier: MIT
// The program `odt`: all the named detectors; pipeline.config picks one.
#include <odt/cli.hpp>
#include <odt/presets.hpp>

int main(int argc, char** argv) {
  return odt::cli<odt::presets::ssd_mobilenet_v1, odt::presets::ssd_inception_v2>(argc, argv);
}
