// SPDX-License-Identifier: MIT
// What a config says of data, put into loaders.
#pragma once

#include <odt/config/options.hpp>
#include <odt/dataset/label_survey.hpp>
#include <odt/dataset/loader.hpp>
#include <odt/detector.hpp>
#include <odt/train/evaluator.hpp>
#include <odt/train/progress.hpp>
#include <odt/train/shares.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace odt {

/// How a program reads its data.
struct data_options {
  std::uint64_t seed = 0;
  std::uint64_t first_sample = 0;       ///< samples that the run has seen before
  int threads = 0;                      ///< 0: a quarter of the machine's
  std::optional<step_shares> shares{};  ///< of the training's batches; none: they are not dealt out
  bad_example on_bad_example = bad_example::fail;
};

/// An input that the config names.
struct data_input {
  std::string name;  ///< of an evaluation's event files: "eval_0", "eval_<name>", "eval_training_data"
  loader_options options;
  std::string where;           ///< the place and path of its input_path, to begin a message with
  std::string where_labels{};  ///< of its label_map_path
};

/// The training input of the config, with its augmentations.
data_input training_input(const settings& root, const detector& model, const data_options& how);

/// Which examples an evaluation takes.
struct evaluation_choice {
  bool training_data = false;           ///< the training input, without augmentation, instead
  int sample_1_of_n_eval_examples = 0;  ///< 0: as the config says
  int sample_1_of_n_eval_on_train_examples = 5;
};

/// The evaluation inputs of the config, all of which is thereby read, also what `choice` leaves aside. Label maps are
/// checked against num_classes, and the names of the metrics.
std::vector<data_input> evaluation_inputs(const settings& root, const detector& model, const data_options& how,
                                          const evaluation_choice& choice);

/// An input whose files are open and whose labels were looked at.
struct checked_input {
  std::shared_ptr<const record_set> records;
  label_survey labels;
};

/// Opens the files and looks at all labels, without decoding a picture. Files that cannot be read, and labels that
/// would teach or tell nothing, are errors that name the config's field: an image of whose objects none can be used
/// (unless bad examples are skipped), a set of whose objects most cannot (likewise), a training without a box. An
/// evaluation without a box is warned of.
/// Where it takes longer than a second, `out` (if any) says how far it is.
checked_input check_input(const data_input& input, console* out);

/// Opens the input and evaluates the detector on it, together with the other ranks if there are any. `progress` is told
/// the number of images done.
evaluation evaluate_on(detector& model, const data_input& input, const eval_options& options, bool keep_results,
                       const std::function<void(std::int64_t)>& progress, communicator* ranks = nullptr);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/data.ipp>
#endif
