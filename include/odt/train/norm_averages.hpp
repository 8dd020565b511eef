// SPDX-License-Identifier: MIT
// Whether the moving averages of batch norms, which evaluation and detection use, can follow a training of so many
// steps.
#pragma once

#include <odt/train/restore.hpp>

#include <cstdint>
#include <string>

namespace odt {

/// What is to be said of norms that begin with initial values (those that `start` restored do not; null: it is a start
/// from nothing) and still hold more than a twentieth of them after `steps` steps (0: without end). Empty where there
/// are none.
std::string norm_averages_mismatch(detector& model, const restore_report* start, std::int64_t steps);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/norm_averages.ipp>
#endif
