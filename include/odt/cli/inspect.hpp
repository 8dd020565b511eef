// SPDX-License-Identifier: MIT
// What a file of the Object Detection API's world holds, for people.
#pragma once

#include <odt/core/error.hpp>
#include <odt/detector.hpp>

#include <span>
#include <string>
#include <utility>

namespace odt {

/// What a path can be.
enum class file_kind { records, checkpoint, events, label_map, config, picture };

/// Looks at the name and the first bytes; an error when it is nothing of these.
file_kind kind_of_file(const std::string& path);

/// A text about the file; a damaged file is an error that names the place. A config is built with the program's
/// detectors. With `tensors` a checkpoint's are listed.
std::string inspect(const std::string& path, std::span<const detector_type> detectors, bool tensors = false);

/// How many examples, boxes and classes; what is wrong with them; the first few in full.
std::string inspect_records(const std::string& path);

/// What was trained, how far, when, and with which config; of a directory also its checkpoints and the best. With
/// `tensors` their shapes, sizes and statistics. For what checkpoint_prefix takes: also a V1 file
/// and an archive.
std::string inspect_checkpoint(const std::string& path, bool tensors);

/// The tags with their steps and values.
std::string inspect_events(const std::string& path);

std::string inspect_label_map(const std::string& path);

/// A file that cannot be used as it is, with the text about what is well in it.
class inspection_error : public error {
 public:
  inspection_error(const error& wrong, std::string text) : error(wrong), text_(std::move(text)) {}
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// The detector that the config makes: its parts, parameters, anchors, multiply-adds, and bytes of a train step; then
/// the data. All that a training would refuse before its first step is refused here too, as an inspection_error.
std::string inspect_config(const std::string& path, std::span<const detector_type> detectors);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/cli/inspect_checkpoint.ipp>
#include <odt/cli/inspect_config.ipp>
#include <odt/cli/inspect_events.ipp>
#include <odt/cli/inspect_file.ipp>
#include <odt/cli/inspect_records.ipp>
#endif
