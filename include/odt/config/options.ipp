// SPDX-License-Identifier: MIT
#pragma once

#include <odt/config/options.hpp>
#include <odt/config/ranges.hpp>
#include <odt/config/text_format.hpp>
#include <odt/io/file_system.hpp>

#include <algorithm>
#include <array>

namespace odt {

namespace detail::options {

/// A value that is looked at without being marked as read.
template <class T>
T peek(const settings& message, std::string_view field) {
  const settings* found = message.find(field);
  if (!found) fail(message.where(), "has no field \"", field, "\"");
  const bool read = found->read;
  T value = found->as<T>();
  found->read = read;
  return value;
}

ODT_INLINE std::vector<std::string> strings(const settings& list, bool mark) {
  std::vector<std::string> result;
  if (mark) list.accept();
  for (const settings& element : list.children) result.push_back(element.text);
  return result;
}

/// A path of this machine or of a store that this program knows, not the sample configs' placeholder.
ODT_INLINE std::string path(const settings& scalar) {
  if (scalar.text.find("PATH_TO_BE_CONFIGURED") != std::string::npos)
    fail(scalar.where(), "\"", scalar.text, "\" is a placeholder; write the real path");
  try {
    file_system_of(scalar.text);
  } catch (const error& unknown) {
    fail(scalar.where(), unknown.what());
  }
  if (std::ranges::any_of(scalar.text, [](unsigned char c) { return c < 32; }))
    fail(scalar.where(), "the name holds a control character; ", backslash_advice);
  return scalar.as<std::string>();
}

ODT_INLINE const settings* at_path(const settings& root, std::string_view path) {
  const settings* at = &root;
  while (at && !path.empty()) {
    const std::size_t end = std::min(path.find('.'), path.size());
    at = at->find(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return at;
}

ODT_INLINE std::vector<std::string_view> alternatives(const settings& message) {
  std::vector<std::string_view> names;
  for (const settings& child : message.children)
    if (child.alternative) names.push_back(child.name);
  return names;
}

/// Refuses an unset scalar, an empty list, or a message whose oneof holds nothing.
ODT_INLINE void require(const settings& root, std::string_view path) {
  const settings* node = at_path(root, path);
  if (!node) fail(root.where(), "the schema has no field \"", path, "\"");
  const bool optional_oneof = node->name.ends_with("hyperparams");  // the normalizer
  const auto names = optional_oneof ? std::vector<std::string_view>() : alternatives(*node);
  if (names.empty() ? node->set : std::ranges::any_of(node->children, [](const settings& child) {
        return child.alternative && child.set;
      }))
    return;
  fail(node->where(), "is required", names.empty() ? "" : "; one of ", join(names, ", "),
       names.empty() ? "" : " belongs in it");
}

ODT_INLINE void require_hyperparams(const settings& node) {
  if (node.set && node.message && node.name.ends_with("hyperparams")) {
    require(node, "regularizer");
    require(node, "initializer");
  }
  for (const settings& child : node.children)
    if (child.set) require_hyperparams(child);
}

inline constexpr std::array<std::string_view, 10> ssd_parts{"num_classes",
                                                            "image_resizer",
                                                            "feature_extractor.type",
                                                            "box_coder",
                                                            "matcher",
                                                            "similarity_calculator",
                                                            "box_predictor",
                                                            "anchor_generator",
                                                            "loss.classification_loss",
                                                            "loss.localization_loss"};

inline constexpr std::array<std::string_view, 5> faster_rcnn_parts{
    "num_classes", "image_resizer", "feature_extractor.type", "first_stage_anchor_generator",
    "first_stage_box_predictor_conv_hyperparams"};

inline constexpr std::array<std::string_view, 1> second_stage_parts{"second_stage_box_predictor"};

/// Of second stages but R-FCN's, which crops its own maps.
inline constexpr std::array<std::string_view, 3> crop_parts{"initial_crop_size", "maxpool_kernel_size",
                                                            "maxpool_stride"};

inline constexpr std::array<std::string_view, 3> center_net_parts{"num_classes", "image_resizer",
                                                                  "feature_extractor.type"};

ODT_INLINE void require_model(const settings& root) {
  require(root, "model");
  const settings& model = *root.find("model");
  const auto require_all = [&model](std::string_view name, const auto& parts) {
    for (const std::string_view part : parts) require(*model.find(name), part);
  };
  if (model.find("ssd")->set) require_all("ssd", ssd_parts);
  if (const settings& two_stages = *model.find("faster_rcnn"); two_stages.set) {
    require_all("faster_rcnn", faster_rcnn_parts);
    if (peek<int>(two_stages, "number_of_stages") > 1) {
      require_all("faster_rcnn", second_stage_parts);
      const settings* crops_itself = two_stages.find("second_stage_box_predictor")->find("rfcn_box_predictor");
      if (!crops_itself || !crops_itself->set) require_all("faster_rcnn", crop_parts);
    }
  }
  if (model.find("center_net")->set) require_all("center_net", center_net_parts);
  require_hyperparams(model);
}

inline constexpr std::array<std::string_view, 9> idle_train_fields{"sync_replicas",
                                                                   "replicas_to_aggregate",
                                                                   "startup_delay_steps",
                                                                   "batch_queue_capacity",
                                                                   "num_batch_queue_threads",
                                                                   "prefetch_queue_capacity",
                                                                   "unpad_groundtruth_tensors",
                                                                   "fine_tune_checkpoint_version",
                                                                   "run_fine_tune_checkpoint_dummy_computation"};

inline constexpr std::array<std::string_view, 3> idle_eval_fields{"save_graph", "eval_master", "eval_instance_masks"};

inline constexpr std::array<std::string_view, 10> idle_reader_fields{
    "shuffle_buffer_size",  "filenames_shuffle_buffer_size",
    "num_readers",          "num_parallel_batches",
    "num_prefetch_batches", "queue_capacity",
    "min_after_dequeue",    "read_block_length",
    "prefetch_size",        "num_parallel_map_calls"};

template <class Fields>
void accept_fields(const settings& message, const Fields& fields, std::vector<std::string>& out) {
  for (const std::string_view field : fields) {
    const settings& node = message.at(field);
    node.accept();
    if (node.set && node.text != node.fallback) out.push_back(node.path);
  }
}

}  // namespace detail::options

ODT_INLINE void check_complete(const settings& root, config_use use) {
  namespace d = detail::options;
  check_ranges(root);
  d::require_model(root);
  const auto require_reader = [](const settings& reader) {
    d::require(reader, "label_map_path");
    if (reader.find("external_input_reader")->set)
      fail(reader.find("external_input_reader")->where(), "is not available; this program has tf_record_input_reader");
    d::require(reader, "tf_record_input_reader.input_path");
  };
  if (use == config_use::train) {
    d::require(root, "train_config.optimizer");
    const settings& optimizer = *d::at_path(root, "train_config.optimizer");
    for (const settings& one : optimizer.children)
      if (one.alternative && one.set) d::require(one, "learning_rate");
    require_reader(*root.find("train_input_reader"));
  }
  const settings& evaluations = *root.find("eval_input_reader");
  if (use == config_use::evaluate) d::require(root, "eval_input_reader");
  if (use != config_use::detect)
    for (const settings& reader : evaluations.children) require_reader(reader);
}

ODT_INLINE train_options read_train_options(const settings& root) {
  namespace d = detail::options;
  const settings& train = root.at("train_config");
  train_options o;
  o.batch_size = train.get<int>("batch_size");
  o.num_steps = train.get<std::int64_t>("num_steps");
  o.keep_checkpoint_every_n_hours = train.get<float>("keep_checkpoint_every_n_hours");
  o.fine_tune_checkpoint = d::path(train.at("fine_tune_checkpoint"));
  const settings& type = train.at("fine_tune_checkpoint_type");
  const bool from_detection = train.get<bool>("from_detection_checkpoint");
  if (!type.text.empty()) choose(type, {"detection", "classification"});
  o.fine_tune = type.text == "detection" || (type.text.empty() && from_detection) ? fine_tune_kind::detection
                                                                                  : fine_tune_kind::classification;
  type.read = true;
  o.load_all_detection_checkpoint_vars = train.get<bool>("load_all_detection_checkpoint_vars");
  o.use_bfloat16 = train.get<bool>("use_bfloat16");
  o.max_number_of_boxes = train.get<int>("max_number_of_boxes");
  o.data_augmentation_options = train.find("data_augmentation_options");
  if (const settings& merge = train.at("merge_multiple_label_boxes"); merge.text == "true")
    fail(merge.where(), "is not supported; give each box one class");
  o.optimizer = train.find("optimizer");
  o.gradient_clipping_by_norm = d::peek<float>(train, "gradient_clipping_by_norm");
  o.bias_grad_multiplier = d::peek<float>(train, "bias_grad_multiplier");
  o.add_regularization_loss = d::peek<bool>(train, "add_regularization_loss");
  o.update_trainable_variables = d::strings(*train.find("update_trainable_variables"), false);
  o.freeze_variables = d::strings(*train.find("freeze_variables"), false);
  o.use_moving_average = d::peek<bool>(*o.optimizer, "use_moving_average");
  o.moving_average_decay = d::peek<float>(*o.optimizer, "moving_average_decay");
  return o;
}

ODT_INLINE eval_options read_eval_options(const settings& root) {
  namespace d = detail::options;
  const settings& eval = root.at("eval_config");
  eval_options o;
  o.batch_size = eval.get<int>("batch_size");
  o.num_visualizations = eval.get<int>("num_visualizations");
  if (!eval.get<bool>("retain_original_images")) o.num_visualizations = 0;
  o.num_examples = eval.get<std::int64_t>("num_examples");
  o.eval_interval_secs = eval.get<int>("eval_interval_secs");
  o.max_evals = eval.get<int>("max_evals");
  o.ignore_groundtruth = eval.get<bool>("ignore_groundtruth");
  o.metrics_set = d::strings(eval.at("metrics_set"), true);
  o.use_moving_averages = eval.get<bool>("use_moving_averages");
  o.include_metrics_per_category = eval.get<bool>("include_metrics_per_category");
  o.min_score_threshold = eval.get<float>("min_score_threshold");
  o.max_num_boxes_to_visualize = eval.get<int>("max_num_boxes_to_visualize");
  o.skip_scores = eval.get<bool>("skip_scores");
  o.skip_labels = eval.get<bool>("skip_labels");
  o.visualize_groundtruth_boxes = eval.get<bool>("visualize_groundtruth_boxes");
  o.groundtruth_box_visualization_color = eval.get<std::string>("groundtruth_box_visualization_color");
  o.visualization_export_dir = d::path(eval.at("visualization_export_dir"));
  o.keep_image_id_for_visualization_export = eval.get<bool>("keep_image_id_for_visualization_export");
  return o;
}

ODT_INLINE input_options read_input_options(const settings& reader) {
  namespace d = detail::options;
  reader.read = true;
  input_options o;
  o.name = reader.get<std::string>("name");
  o.label_map_path = d::path(reader.at("label_map_path"));
  o.shuffle = reader.get<bool>("shuffle");
  o.num_epochs = reader.get<int>("num_epochs");
  o.sample_1_of_n_examples = reader.get<int>("sample_1_of_n_examples");
  o.max_number_of_boxes = reader.get<int>("max_number_of_boxes");
  o.use_display_name = reader.get<bool>("use_display_name");
  if (reader.get<bool>("load_instance_masks"))
    o.masks = reader.get<std::string>("mask_type") == "PNG_MASKS" ? mask_type::png : mask_type::numerical;
  const settings& paths = reader.at("tf_record_input_reader").at("input_path");
  for (const settings& element : paths.children) o.input_path.push_back(d::path(element));
  return o;
}

ODT_INLINE std::vector<std::string> accept_without_effect(const settings& root) {
  namespace d = detail::options;
  std::vector<std::string> paths;
  d::accept_fields(root.at("train_config"), d::idle_train_fields, paths);
  d::accept_fields(root.at("eval_config"), d::idle_eval_fields, paths);
  const auto accept_reader = [&paths](const settings& reader) {
    reader.read = true;
    d::accept_fields(reader, d::idle_reader_fields, paths);
    if (reader.find("load_instance_masks")->text == "false")
      d::accept_fields(reader, std::array<std::string_view, 1>{"mask_type"}, paths);
  };
  accept_reader(root.at("train_input_reader"));
  for (const settings& reader : root.at("eval_input_reader").children) accept_reader(reader);
  return paths;
}

ODT_INLINE void check_num_classes(const settings& root, const label_map& labels, std::string_view label_map_path) {
  const settings* model = root.at("model").chosen();
  const settings* classes = model ? model->find("num_classes") : nullptr;
  if (!classes) return;
  const int wanted = labels.max_id();
  if (classes->as<int>() == wanted) return;
  fail(classes->where(), classes->text, ", but the label map ", label_map_path, " has ", labels.size(),
       labels.size() == 1 ? " class" : " classes", " with ids up to ", wanted, "; write num_classes: ", wanted,
       ", or give the label map that belongs to it");
}

}  // namespace odt
