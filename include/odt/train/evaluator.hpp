// SPDX-License-Identifier: MIT
// Evaluation: a detector over a whole set of images, its losses, metrics and pictures.
#pragma once

#include <odt/config/options.hpp>
#include <odt/detector.hpp>
#include <odt/io/event_file.hpp>
#include <odt/io/label_map.hpp>
#include <odt/metric.hpp>
#include <odt/train/evaluated_batch.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace odt {

/// Fills in the next batch; false at the end of the set.
using batch_stream = std::function<bool(batch&)>;

/// What was found in one image.
struct image_result {
  std::string id;
  size2 size;                      ///< of the original, in pixels
  detections found;                ///< without their masks
  std::vector<std::string> masks;  ///< of each, COCO's text of its runs in the original (runs_text); or none at all
  std::string drawn;               ///< the name of the file that shows them; may be empty
};

/// The result of an image of that size, in which the masks take little memory.
image_result make_result(std::string id, size2 size, detections found, std::string drawn = {});

/// The outcome of an evaluation.
struct evaluation {
  std::int64_t step = 0;
  std::int64_t images = 0;
  double seconds = 0;
  std::vector<std::pair<std::string, double>> losses;  ///< means over batches, by tag, with Loss/total_loss
  float learning_rate = 0;                             ///< of the step
  metric_values metrics;
  std::string report;                       ///< the metrics for people
  std::vector<evaluated_picture> pictures;  ///< of the first images
  std::vector<image_result> results;        ///< of every image, when asked for
  std::uint64_t data = 0;                   ///< a fingerprint of the examples; 0: not known
  std::int64_t skipped = 0;                 ///< examples that were left out

  /// The number that tells which checkpoint is best: the first "..._Precision/mAP" of the metrics; null without one.
  const std::pair<std::string, double>* headline() const;
};

struct evaluator_settings {
  eval_options options;
  label_map labels;
  bool keep_results = false;
  std::function<void(std::int64_t images)> progress;  ///< called after each batch
  communicator* ranks = nullptr;  ///< the set's batches are dealt out to them in turn, and all get the whole outcome
};

/// Runs the detector over all that the stream has. With options.use_moving_averages its averages take the place of the
/// variables meanwhile. The detector is as before afterwards, whatever happens. With options.ignore_groundtruth there
/// are no losses and no metrics.
evaluation evaluate(detector& model, const batch_stream& next, const evaluator_settings& how);

/// The picture twice: with what was found, and with the ground truth.
evaluated_picture draw_evaluated(std::string id, const image& picture, const detections& found, const labels& truth,
                                 const evaluator_settings& how);

/// All scalars and pictures under the tags of the API's model_main.
void write_summaries(event_writer& events, const evaluation& result);

/// eval_config's visualization_export_dir: what was found in each picture as export-image-0.png, ..., or with
/// keep_image_id_for_visualization_export as export-image-0-<id>.png, in place of those of an earlier evaluation. They
/// go into the folder `below` of that directory; empty: into itself.
void export_pictures(const evaluation& result, const eval_options& options, const std::string& below);

/// For people: step, images, losses, and the metrics' report.
std::string summary_text(const evaluation& result);

/// COCO's result format: one element a detection, boxes in pixels as x, y, width, height, and the mask, if there is
/// one, as "segmentation" {"size": [height, width], "counts": text}; with the image's file and the class' name beside
/// the numbers, and the file that shows it as "drawn" where there is one. image_id is the number in an id that is one,
/// else the image's place in the list, from 1.
std::string coco_results(std::span<const image_result> results, const label_map& labels);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/evaluator.ipp>
#endif
