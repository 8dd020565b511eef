// SPDX-License-Identifier: MIT
// What a config says of data, put into loaders.
#pragma once

#include <odt/config/options.hpp>
#include <odt/dataset/loader.hpp>
#include <odt/detector.hpp>
#include <odt/train/evaluator.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace odt {

/// How a program reads its data.
struct data_options {
  std::uint64_t seed = 0;
  std::uint64_t first_sample = 0;  ///< samples that the run has seen before
  int threads = 0;                 ///< 0: a quarter of the machine's
  bad_example on_bad_example = bad_example::fail;
};

/// The training input of the config, with its augmentations.
loader_options training_input(const settings& root, const detector& model, const data_options& how);

/// An evaluation input.
struct evaluation_input {
  std::string name;  ///< of its event files: "eval_0", "eval_<name>", "eval_training_data"
  loader_options options;
};

/// Which examples an evaluation takes.
struct evaluation_choice {
  bool training_data = false;           ///< the training input, without augmentation, instead
  int sample_1_of_n_eval_examples = 0;  ///< 0: as the config says
  int sample_1_of_n_eval_on_train_examples = 5;
};

/// The evaluation inputs of the config. The label maps are checked against num_classes.
std::vector<evaluation_input> evaluation_inputs(const settings& root, const detector& model, const data_options& how,
                                                const evaluation_choice& choice);

/// Opens the input and evaluates the detector on it. `progress` is told the number of images done.
evaluation evaluate_on(detector& model, const evaluation_input& input, const eval_options& options, bool keep_results,
                       const std::function<void(std::int64_t)>& progress);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/data.ipp>
#endif
