// SPDX-License-Identifier: MIT
// The parts of pipeline.config that are about running a detector rather than about what it is: training, evaluation and
// data, as plain structs.
#pragma once

#include <odt/core/settings.hpp>
#include <odt/io/label_map.hpp>
#include <odt/io/mask.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// Where the first values of a run come from.
enum class fine_tune_kind {
  detection,       ///< a detector's checkpoint: its feature extractor, or all that fits
  classification,  ///< a classifier's checkpoint: the feature extractor under the classifier's names
};

/// `train_config`. Of these, the fields under "the detector's step" are only looked at: the detector reads them itself,
/// and what it does not read is refused.
struct train_options {
  int batch_size = 32;
  std::int64_t num_steps = 0;  ///< 0: for ever
  float keep_checkpoint_every_n_hours = 10000;
  std::string fine_tune_checkpoint;  ///< prefix; empty: from scratch
  fine_tune_kind fine_tune = fine_tune_kind::classification;
  bool load_all_detection_checkpoint_vars = false;
  bool use_bfloat16 = false;                            ///< on an accelerator
  int max_number_of_boxes = 100;                        ///< of an image; more are reported and left out
  const settings* data_augmentation_options = nullptr;  ///< the list, in order; not marked as read

  // The detector's step.
  const settings* optimizer = nullptr;  ///< not marked as read
  float gradient_clipping_by_norm = 0;  ///< 0: none
  float bias_grad_multiplier = 0;       ///< 0: none
  bool add_regularization_loss = true;
  std::vector<std::string> update_trainable_variables, freeze_variables;  ///< regular expressions, searched for
  bool use_moving_average = true;
  float moving_average_decay = 0.9999f;
};

/// `eval_config`.
struct eval_options {
  int batch_size = 1;
  int num_visualizations = 10;
  std::int64_t num_examples = 5000;
  int eval_interval_secs = 300;
  int max_evals = 0;                ///< 0: for ever
  bool ignore_groundtruth = false;  ///< detections alone: no losses, no metrics
  std::vector<std::string> metrics_set;
  bool use_moving_averages = false;
  bool include_metrics_per_category = false;
  float min_score_threshold = 0.5f;  ///< of boxes that are drawn
  int max_num_boxes_to_visualize = 20;
  bool skip_scores = false, skip_labels = false;
  bool visualize_groundtruth_boxes = false;
  std::string groundtruth_box_visualization_color = "black";
  std::string visualization_export_dir;  ///< of the drawn pictures as files; empty: none
  bool keep_image_id_for_visualization_export = false;
};

/// `train_input_reader` or one `eval_input_reader`.
struct input_options {
  std::string name;
  std::vector<std::string> input_path;  ///< files or patterns
  std::string label_map_path;
  bool shuffle = true;
  int num_epochs = 0;  ///< 0: for ever
  int sample_1_of_n_examples = 1;
  int max_number_of_boxes = 100;
  bool use_display_name = false;
  std::optional<mask_type> masks;  ///< of load_instance_masks: how the records hold them
};

/// What a config is asked for.
enum class config_use { train, evaluate, detect };

/// Refuses a config with numbers out of their ranges (ranges.hpp), and one that lacks what `use` needs, by path: the
/// model and its parts, an initializer and a regularizer wherever there are hyperparams, the optimizer, the readers.
/// Marks nothing as read but what it proves to be there.
void check_complete(const settings& root, config_use use);

/// Reads and checks `train_config`. Fields that are not supported stay unread.
train_options read_train_options(const settings& root);
eval_options read_eval_options(const settings& root);
/// Reads one reader: root.at("train_input_reader"), or an element of root.at("eval_input_reader").
input_options read_input_options(const settings& reader);

/// Marks the fields as read that cannot have an effect here (queues, threads, replicas: samples are indexed at opening
/// and drawn by number), and returns the paths of those that the file sets, to be told once.
std::vector<std::string> accept_without_effect(const settings& root);

/// Refuses a config whose num_classes is not the label map's largest id; names both files.
void check_num_classes(const settings& root, const label_map& labels, std::string_view label_map_path);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/config/options.ipp>
#endif
