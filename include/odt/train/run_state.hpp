// SPDX-License-Identifier: MIT
// What a checkpoint holds besides a detector: what it takes to go on with a run bit for bit.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace odt {

/// Where a run stands. Sample k of a run is a function of (seed, k), so that these numbers are all there is to it.
/// Stored as extra tensors "odt/..." that TensorFlow passes over.
struct run_state {
  std::uint64_t seed = 0;
  std::uint64_t samples_seen = 0;      ///< images that went into training so far
  std::uint64_t data_fingerprint = 0;  ///< of the training records and of how they are read
  std::string config;                  ///< pipeline.config as text
};

/// Adds the tensors of a run to a checkpoint.
void write_run_state(checkpoint_writer& writer, const run_state& state);

/// The run that a checkpoint belongs to; nothing when another program wrote it.
std::optional<run_state> read_run_state(const checkpoint_reader& reader);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/run_state.ipp>
#endif
