// SPDX-License-Identifier: MIT
// The command line for any set of detectors.
#pragma once

#include <odt/detector.hpp>

#include <vector>

namespace odt {

/// What odt::cli calls.
int run_cli(const std::vector<detector_type>& detectors, int argc, char** argv);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/cli/run.ipp>
#endif
