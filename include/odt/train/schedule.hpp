// SPDX-License-Identifier: MIT
// The learning-rate schedule beside the number of steps of a run: whether they fit, and how to make them fit.
#pragma once

#include <odt/config/pipeline.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace odt {

/// What is to be said of a schedule with an end that is not that of a run of `last_step` steps (0: without end): that
/// the rate is 0 from its end on, or that it hardly falls. Empty when they fit.
std::string schedule_mismatch(const settings& root, std::int64_t last_step);

/// The steps that the config's schedule was made for: cosine decay's total_steps, else train_config.num_steps. Nothing
/// where the rate does not depend on the step; one without an end is an error that begins with `flag`.
std::optional<std::int64_t> schedule_length(const settings& root, std::string_view flag);

/// Changes the config's schedule so that it ends with step `last_step`: all its steps grow or shrink alike, by the
/// relation of last_step to schedule_length. Answers what it changed:
/// "total_steps 1600 -> 20000, warmup_steps 50 -> 625".
std::string stretch_schedule(pipeline& config, std::int64_t last_step);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/schedule.ipp>
#endif
