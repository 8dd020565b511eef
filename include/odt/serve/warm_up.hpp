// SPDX-License-Identifier: MIT
// Requests that a version brings along, so that its first ones are not slow.
#pragma once

#include <odt/serve/servable.hpp>

#include <string>

namespace odt::serve {

/// Answers the first 1000 requests of assets.extra/tf_serving_warmup_requests (TFRecords of PredictionLog) in an
/// export's directory, or in saved_model/ below it; returns how many there were. A file that is damaged, and a request
/// that fails, are failures that name the record.
int replay_requests(servable& of, const std::string& export_directory);

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/warm_up.ipp>
#endif
