// SPDX-License-Identifier: MIT
// From files to a detector that can evaluate and detect.
#pragma once

#include <odt/config/options.hpp>
#include <odt/config/pipeline.hpp>
#include <odt/detector.hpp>
#include <odt/io/label_map.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace odt {

/// Which config and which checkpoint.
struct model_source {
  std::string pipeline_config_path;  ///< empty: pipeline.config beside the checkpoint, else the one within it
  std::string hparams_overrides;     ///< "learning_rate=0.01,..."
  std::string config_override;       ///< text that is merged in
  std::string checkpoint;            ///< a prefix, or a directory, whose newest it is
  std::string label_map_path;        ///< empty: that of the config
  int threads = 0;
  std::optional<precision> compute{};
  std::string device = "auto";
};

/// A config with its overrides. Where no label map is at its path, one beside the config is taken, and told.
pipeline load_config(const model_source& source);

/// The label map that a config names (of its evaluation input, else of its training input). An error when it names none
/// and `required`; an empty map otherwise, also when the file is not there.
label_map label_map_of(const settings& root, const std::string& given, bool required);

/// A detector with the variables of its checkpoint, and the classes that it was trained with, unless others are given.
struct ready_detector {
  std::unique_ptr<detector> model;
  label_map labels;
  eval_options options;
  std::string prefix;  ///< of the checkpoint

  /// Of class 0, 1, ...; "class 3" where the label map has none.
  std::vector<std::string> class_names() const;
};

/// Makes the detector that the config asks for. With options.use_moving_averages the averages are in the place of the
/// variables. Everything in the config that nothing reads is refused.
ready_detector load_detector(std::span<const detector_type> types, const model_source& source);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/model_setup.ipp>
#endif
