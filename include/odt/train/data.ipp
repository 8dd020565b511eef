// SPDX-License-Identifier: MIT
#pragma once

#include <odt/augmentations/catalogue.hpp>
#include <odt/core/log.hpp>
#include <odt/io/example.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_system.hpp>
#include <odt/metrics.hpp>
#include <odt/train/data.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <span>
#include <thread>

namespace odt {

namespace detail::data {

ODT_INLINE int thread_count(int wanted) {
  if (wanted > 0) return wanted;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 4);
}

/// From where a relative path is meant, for messages.
ODT_INLINE std::string meant_from(const std::string& path) {
  return path.starts_with('/') || is_remote(path)
             ? ""
             : str("; it is meant from ", std::filesystem::current_path().string());
}

/// Refuses a file of the config that is not there.
ODT_INLINE void require_file(const settings& field) {
  if (!file_exists(field.text))
    fail(field.where(), "\"", field.text, "\": there is no such file", meant_from(field.text));
}

ODT_INLINE void require_records(const settings& paths) {
  for (const settings& path : paths.children) try {
      expand_globs({path.text});
    } catch (const error& wrong) {
      fail(path.where(), wrong.what(), meant_from(path.text));
    }
}

/// Of models, only detectors of three stages predict masks, and without them they do not train.
ODT_INLINE const settings* mask_stages(const settings& root) {
  const settings* two_stages = root.find("model")->find("faster_rcnn");
  if (!two_stages || !two_stages->set) return nullptr;
  const settings* stages = two_stages->find("number_of_stages");
  return stages->text == "3" ? stages : nullptr;
}

/// How the records hold masks, if anybody wants them.
ODT_INLINE std::optional<mask_type> wanted_masks(const settings& root, const settings& reader,
                                                 const input_options& input) {
  if (!input.masks || mask_stages(root)) return input.masks;
  info(reader.at("load_instance_masks").where(), "without effect: the model predicts no masks, and none are loaded");
  return std::nullopt;
}

/// What training and evaluation have in common.
ODT_INLINE data_input common(const settings& root, const settings& reader, const detector& model,
                             const data_options& how) {
  const input_options input = read_input_options(reader);
  const settings& labels = reader.at("label_map_path");
  const settings& paths = reader.at("tf_record_input_reader").at("input_path");
  require_file(labels);
  require_records(paths);
  data_input result{input.name, {}, (paths.children.size() == 1 ? paths.children[0] : paths).where(), labels.where()};
  loader_options& o = result.options;
  o.input_path = input.input_path;
  o.classes = label_map::read(input.label_map_path);
  check_num_classes(root, o.classes, input.label_map_path);
  o.resizer = model.resizer();
  o.transform = model.pixels();
  o.sample_1_of_n_examples = input.sample_1_of_n_examples;
  o.masks = wanted_masks(root, reader, input);
  o.on_bad_example = how.on_bad_example;
  o.seed = how.seed;
  o.threads = thread_count(how.threads);
  return result;
}

ODT_INLINE data_input evaluation_of(const settings& root, const settings& reader, const detector& model,
                                    const data_options& how) {
  data_input result = common(root, reader, model, how);
  loader_options& o = result.options;
  const eval_options eval = read_eval_options(root);
  o.evaluation = true;
  o.shuffle = false;
  o.batch_size = o.resizer.constant_size() ? eval.batch_size : 1;
  o.originals = eval.num_visualizations > 0;
  if (root.at("eval_config").has("num_examples")) o.max_examples = static_cast<std::uint64_t>(eval.num_examples);
  return result;
}

ODT_INLINE bool loads_masks(const settings& reader) { return reader.find("load_instance_masks")->text == "true"; }

ODT_INLINE void require_training_masks(const settings& root, const settings& reader) {
  const settings* stages = mask_stages(root);
  if (stages && !loads_masks(reader))
    fail(stages->where(), "is 3, which is trained with masks, but ", reader.path,
         " loads none; write load_instance_masks: true in it, with records that have masks, or set 2 stages");
}

/// Images of different sizes make no batch.
ODT_INLINE void require_one_size(const settings& root, const loader_options& o) {
  if (o.batch_size > 1 && !o.resizer.constant_size())
    fail(root.at("train_config").at("batch_size").where(), "is ", o.batch_size,
         ", but the image_resizer makes images of different sizes; write batch_size: 1, pad_to_max_dimension: true in "
         "keep_aspect_ratio_resizer, or a fixed_shape_resizer");
}

/// Refuses a metric set of masks where the model predicts none, or an input leaves them in its records.
ODT_INLINE void require_masks(const settings& root, const settings& metric_set, bool on_training_data) {
  const std::string begin = str(metric_set.where(), metric_set.text, " compares masks, but ");
  if (!mask_stages(root))
    fail(begin,
         "the model predicts none; take one that does (faster_rcnn with number_of_stages: 3 and a "
         "mask_rcnn_box_predictor with predict_instance_masks: true), or remove the metric set");
  const auto check = [&begin](const settings& reader) {
    if (!loads_masks(reader))
      fail(begin, reader.path,
           " loads none; write load_instance_masks: true in it, with records that have masks, or remove "
           "the metric set");
  };
  if (on_training_data) return check(*root.find("train_input_reader"));
  for (const settings& reader : root.find("eval_input_reader")->children) check(reader);
}

ODT_INLINE void check_metrics(const settings& root, bool on_training_data) {
  const settings& names = root.at("eval_config").at("metrics_set");
  for (const settings& name : names.children) {
    try {
      make_metrics(std::span(&name.text, 1), {});
    } catch (const error& wrong) {
      fail(name.place, ": ", wrong.what());
    }
    if (compares_masks(name.text)) require_masks(root, name, on_training_data);
  }
}

/// Tells how far a survey is, from its second second on.
ODT_INLINE std::function<void(std::uint64_t)> survey_progress(const data_input& input, console* out) {
  using clock = std::chrono::steady_clock;
  if (!out) return {};
  const auto step = std::chrono::seconds(out->terminal() ? 1 : 30);
  return [&input, out, step, next = clock::now() + std::chrono::seconds(1)](std::uint64_t done) mutable {
    if (clock::now() < next) return;
    out->status(str("looking at the labels of ", join(input.options.input_path, ", "), ": ", done, " images"));
    next = clock::now() + step;
  };
}

/// Whatever may be skipped, something has to be left to learn.
ODT_INLINE void refuse_nothing(const data_input& input, const label_survey& labels) {
  if (input.options.evaluation || labels.usable_objects > 0) return;
  fail(input.where, "none of the ", labels.images, " images has a box", labels.objects > 0 ? " that can be used" : "",
       "; there is nothing to learn", labels.first_problem.empty() ? "" : "; the first: ", labels.first_problem);
}

ODT_INLINE void refuse_useless(const data_input& input, const label_survey& labels) {
  if (labels.unusable_images > 0)
    fail(input.where, labels.first_unusable_image, "\n", labels.unusable_images, " of the ", labels.images,
         " images cannot be used; mend the records (odt inspect FILE.record lists what is wrong with them), or leave "
         "such images out with --on_bad_example skip");
  if (labels.usable_objects * 2 < labels.objects)
    fail(input.where, "only ", labels.usable_objects, " of the ", labels.objects,
         " objects can be used; the first: ", labels.first_problem);
}

/// Masks are not looked at with the other labels; those of the first picture with objects tell whether there are any.
ODT_INLINE void refuse_maskless(const data_input& input, const record_set& records) {
  constexpr std::uint64_t most = 16;
  if (!input.options.masks) return;
  try {
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(records.size(), most); ++i)
      if (!parse_example(records.read(i), records.place(i), input.options.masks).objects.empty()) return;
  } catch (const error& wrong) {
    fail(input.where, wrong.what());
  }
}

}  // namespace detail::data

ODT_INLINE data_input training_input(const settings& root, const detector& model, const data_options& how) {
  const settings& reader = root.at("train_input_reader");
  const train_options train = read_train_options(root);
  const input_options input = read_input_options(reader);
  detail::data::require_training_masks(root, reader);
  data_input result = detail::data::common(root, reader, model, how);
  loader_options& o = result.options;
  o.first_sample = how.first_sample;
  o.batch_size = how.shares ? how.shares->batch : train.batch_size;
  if (how.shares) o.share = how.shares->share();
  detail::data::require_one_size(root, o);
  o.max_boxes = std::min(train.max_number_of_boxes, input.max_number_of_boxes);
  o.shuffle = input.shuffle;
  o.num_epochs = input.num_epochs;
  const settings& list = root.at("train_config").at("data_augmentation_options");
  o.augmentations = augmentation_chain_from(list);
  o.raw = model.makes_images();
  return result;
}

ODT_INLINE std::vector<data_input> evaluation_inputs(const settings& root, const detector& model,
                                                     const data_options& how, const evaluation_choice& choice) {
  detail::data::check_metrics(root, choice.training_data);
  std::vector<data_input> inputs;
  if (choice.training_data) {
    inputs.push_back(detail::data::evaluation_of(root, root.at("train_input_reader"), model, how));
    inputs.back().name = "eval_training_data";
    inputs.back().options.sample_1_of_n_examples = choice.sample_1_of_n_eval_on_train_examples;
    inputs.back().options.max_examples = 0;
    root.at("eval_input_reader").accept();
    return inputs;
  }
  for (const settings& reader : root.at("eval_input_reader").children) {
    inputs.push_back(detail::data::evaluation_of(root, reader, model, how));
    std::string& name = inputs.back().name;
    name = str("eval_", name.empty() ? str(inputs.size() - 1) : name);
    if (choice.sample_1_of_n_eval_examples > 0)
      inputs.back().options.sample_1_of_n_examples = choice.sample_1_of_n_eval_examples;
  }
  return inputs;
}

ODT_INLINE checked_input check_input(const data_input& input, console* out) {
  checked_input result;
  try {
    result.records = std::make_shared<const record_set>(input.options.input_path);
  } catch (const error& wrong) {
    fail(input.where, wrong.what());
  }
  result.labels = survey_labels(*result.records, input.options, detail::data::survey_progress(input, out));
  if (input.options.on_bad_example == bad_example::fail) {
    detail::data::refuse_useless(input, result.labels);
    detail::data::refuse_maskless(input, *result.records);
  }
  detail::data::refuse_nothing(input, result.labels);
  if (input.options.evaluation && result.labels.usable_objects == 0)
    warn(input.where, "none of the ", result.labels.images,
         " images to evaluate on has a box that can be used; there will be no mAP, and no best checkpoint");
  return result;
}

ODT_INLINE evaluation evaluate_on(detector& model, const data_input& input, const eval_options& options,
                                  bool keep_results, const std::function<void(std::int64_t)>& progress,
                                  communicator* ranks) {
  loader_options mine = input.options;
  if (ranks) mine.share = {ranks->rank(), 1, ranks->ranks()};
  loader data(mine);
  evaluation result = evaluate(model, [&data](batch& b) { return data.next(b); },
                               {options, input.options.classes, keep_results, progress, ranks});
  result.data = data.contents();
  const auto skipped = data.skipped();
  result.skipped = static_cast<std::int64_t>(skipped.size());
  for (const std::string& message : skipped) warn("left out of the evaluation: ", message);
  return result;
}

}  // namespace odt
