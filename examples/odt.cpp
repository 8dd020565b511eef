// SPDX-License-Identifier: MIT
// The program `odt`: every detector there is; pipeline.config chooses its parts.
#include <odt/cli.hpp>
#include <odt/pjrt.hpp>
#include <odt/presets.hpp>

ODT_PJRT(odt::presets::any_ssd)

int main(int argc, char** argv) { return odt::cli<odt::presets::any_ssd, odt::presets::any_faster_rcnn>(argc, argv); }
