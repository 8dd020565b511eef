// SPDX-License-Identifier: MIT
#pragma once

#include <odt/augmentations/catalogue.hpp>
#include <odt/core/log.hpp>
#include <odt/train/data.hpp>

#include <algorithm>
#include <thread>

namespace odt {

namespace detail::data {

ODT_INLINE int thread_count(int wanted) {
  if (wanted > 0) return wanted;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 4);
}

/// What training and evaluation have in common.
ODT_INLINE loader_options common(const settings& root, const settings& reader, const detector& model,
                                 const data_options& how) {
  const input_options input = read_input_options(reader);
  loader_options o;
  o.input_path = input.input_path;
  o.classes = label_map::read(input.label_map_path);
  check_num_classes(root, o.classes, input.label_map_path);
  o.resizer = model.resizer();
  o.transform = model.pixels();
  o.sample_1_of_n_examples = input.sample_1_of_n_examples;
  o.on_bad_example = how.on_bad_example;
  o.seed = how.seed;
  o.threads = thread_count(how.threads);
  return o;
}

ODT_INLINE loader_options evaluation_of(const settings& root, const settings& reader, const detector& model,
                                        const data_options& how) {
  loader_options o = common(root, reader, model, how);
  const eval_options eval = read_eval_options(root);
  o.evaluation = true;
  o.shuffle = false;
  o.batch_size = o.resizer.constant_size() ? eval.batch_size : 1;
  o.originals = eval.num_visualizations > 0;
  if (root.at("eval_config").has("num_examples")) o.max_examples = static_cast<std::uint64_t>(eval.num_examples);
  return o;
}

}  // namespace detail::data

ODT_INLINE loader_options training_input(const settings& root, const detector& model, const data_options& how) {
  const settings& reader = root.at("train_input_reader");
  const train_options train = read_train_options(root);
  const input_options input = read_input_options(reader);
  loader_options o = detail::data::common(root, reader, model, how);
  o.first_sample = how.first_sample;
  o.batch_size = train.batch_size;
  o.max_boxes = std::min(train.max_number_of_boxes, input.max_number_of_boxes);
  o.shuffle = input.shuffle;
  o.num_epochs = input.num_epochs;
  const settings& list = root.at("train_config").at("data_augmentation_options");
  o.augmentations = augmentation_chain_from(list);
  o.raw = model.makes_images();
  return o;
}

ODT_INLINE std::vector<evaluation_input> evaluation_inputs(const settings& root, const detector& model,
                                                           const data_options& how, const evaluation_choice& choice) {
  std::vector<evaluation_input> inputs;
  if (choice.training_data) {
    inputs.push_back(
        {"eval_training_data", detail::data::evaluation_of(root, root.at("train_input_reader"), model, how)});
    inputs.back().options.sample_1_of_n_examples = choice.sample_1_of_n_eval_on_train_examples;
    inputs.back().options.max_examples = 0;
    return inputs;
  }
  for (const settings& reader : root.at("eval_input_reader").children) {
    const std::string name = reader.get<std::string>("name");
    inputs.push_back({str("eval_", name.empty() ? str(inputs.size()) : name),
                      detail::data::evaluation_of(root, reader, model, how)});
    if (choice.sample_1_of_n_eval_examples > 0)
      inputs.back().options.sample_1_of_n_examples = choice.sample_1_of_n_eval_examples;
  }
  return inputs;
}

ODT_INLINE evaluation evaluate_on(detector& model, const evaluation_input& input, const eval_options& options,
                                  bool keep_results, const std::function<void(std::int64_t)>& progress) {
  loader data(input.options);
  evaluation result = evaluate(model, [&data](batch& b) { return data.next(b); },
                               {options, input.options.classes, keep_results, progress});
  for (const std::string& message : data.skipped()) warn("left out of the evaluation: ", message);
  return result;
}

}  // namespace odt
