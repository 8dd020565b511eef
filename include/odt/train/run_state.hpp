// SPDX-License-Identifier: MIT
// What a checkpoint holds besides a detector: what it takes to go on with a run bit for bit.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/label_map.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// Where a run stands. Sample k of a run is a function of (seed, k), so that these numbers are all there is to it.
/// Stored as extra tensors "odt/..." that TensorFlow passes over.
struct run_state {
  std::uint64_t seed = 0;
  std::uint64_t samples_seen = 0;      ///< images that went into training so far
  std::uint64_t data_fingerprint = 0;  ///< of the training records' files and of how they are read
  std::string config;                  ///< pipeline.config as text
  std::uint64_t data_contents = 0;     ///< of the training records' bytes and of how they are read; 0: not known
  label_map labels{};                  ///< of the training records; empty: not known
  double seconds = 0;                  ///< of a training of a given time, those that are over; 0: it is none
};

/// Adds the tensors of a run to a checkpoint.
void write_run_state(checkpoint_writer& writer, const run_state& state);

/// The run that a checkpoint belongs to; nothing when another program wrote it.
std::optional<run_state> read_run_state(const checkpoint_reader& reader);

/// The names of its classes; empty when it has none.
label_map read_labels(const checkpoint_reader& reader);

/// What another label map would make of the classes: "class 1 was cat and is dog now", ...
std::vector<std::string> label_changes(const label_map& before, const label_map& now);

/// Whether a name that both have means another class; else labels were renamed, added or taken away.
bool labels_moved(const label_map& before, const label_map& now);

/// Warns, for a checkpoint that is used with a label map, of what is not as it was when it was trained.
void warn_of_labels(const std::string& prefix, const label_map& trained, const label_map& now);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/run_state.ipp>
#endif
