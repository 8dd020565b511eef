// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/paste_mask.hpp>
#include <odt/io/draw.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/metrics.hpp>
#include <odt/train/evaluator.hpp>
#include <odt/train/progress.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>

namespace odt {

namespace detail::evaluating {

/// Puts the averages in the place of the variables while it lives.
class averages_in_place {
 public:
  averages_in_place(detector& model, bool wanted) : model_(wanted && model.has_averages() ? &model : nullptr) {
    if (model_) model_->swap_averages();
  }
  ~averages_in_place() {
    if (model_) model_->swap_averages();
  }
  averages_in_place(const averages_in_place&) = delete;
  averages_in_place& operator=(const averages_in_place&) = delete;

 private:
  detector* model_;
};

/// Runs the detector over a batch whose first image has that number in the set.
ODT_INLINE evaluated_batch evaluate_batch(detector& model, const batch& b, std::int64_t first,
                                          const evaluator_settings& how) {
  evaluated_batch done;
  if (!how.options.ignore_groundtruth) {
    const step_report report = model.evaluate(b);
    done.losses.assign(report.losses.begin(), report.losses.end());
    done.losses.emplace_back("Loss/total_loss", report.total_loss);
    done.learning_rate = report.learning_rate;
  }
  auto found = model.detect(b);
  for (std::size_t i = 0; i < found.size(); ++i) {
    evaluated_image one{b.ids[i], b.original_sizes[i], {}, std::move(found[i]), {}};
    if (!how.options.ignore_groundtruth) one.truth = b.groundtruth[i];
    if (first + static_cast<std::int64_t>(i) < how.options.num_visualizations && i < b.originals.size())
      one.pictures.push_back(draw_evaluated(one.id, b.originals[i], one.found, one.truth, how));
    done.images.push_back(std::move(one));
  }
  return done;
}

ODT_INLINE void add_batch(evaluation& result, evaluated_batch&& b, const std::vector<std::unique_ptr<metric>>& metrics,
                          const evaluator_settings& how) {
  for (const auto& [tag, value] : b.losses) {
    const auto it = std::ranges::find(result.losses, tag, &std::pair<std::string, double>::first);
    if (it == result.losses.end())
      result.losses.emplace_back(tag, value);
    else
      it->second += value;
  }
  result.learning_rate = b.learning_rate;
  for (evaluated_image& one : b.images) {
    for (const auto& m : metrics) m->add_image(one.id, one.truth, one.found, one.size);
    std::ranges::move(one.pictures, std::back_inserter(result.pictures));
    if (how.keep_results) result.results.push_back(make_result(one.id, one.size, std::move(one.found)));
    ++result.images;
  }
}

/// A name that is no path.
ODT_INLINE std::string file_name_of(std::string id) {
  std::ranges::replace(id, '/', '_');
  return id;
}

ODT_INLINE std::vector<std::unique_ptr<metric>> metrics_of(const evaluator_settings& how) {
  if (how.options.ignore_groundtruth) return {};
  return make_metrics(how.options.metrics_set, {how.labels.class_names(), how.options.include_metrics_per_category});
}

}  // namespace detail::evaluating

ODT_INLINE const std::pair<std::string, double>* evaluation::headline() const {
  for (const auto& one : metrics)
    if (one.first.find("_Precision/mAP") != std::string::npos) return &one;
  return metrics.empty() ? nullptr : &metrics.front();
}

ODT_INLINE evaluation evaluate(detector& model, const batch_stream& next, const evaluator_settings& how) {
  const auto start = std::chrono::steady_clock::now();
  const detail::evaluating::averages_in_place averages(model, how.options.use_moving_averages);
  const auto metrics = detail::evaluating::metrics_of(how);
  evaluation result;
  result.step = model.global_step();
  std::int64_t batches = 0;
  const auto add = [&](evaluated_batch&& b) {
    detail::evaluating::add_batch(result, std::move(b), metrics, how);
    ++batches;
  };
  std::vector<evaluated_batch> own;
  std::int64_t images = 0;
  for (batch b; next(b);) {
    const std::int64_t first = how.ranks ? static_cast<std::int64_t>(b.first_sample) : images;
    evaluated_batch done = detail::evaluating::evaluate_batch(model, b, first, how);
    images += b.size;
    how.ranks ? own.push_back(std::move(done)) : add(std::move(done));
    if (how.progress) how.progress(images);
  }
  if (how.ranks)
    for (evaluated_batch& b : of_all_ranks(*how.ranks, std::move(own))) add(std::move(b));
  for (auto& [tag, sum] : result.losses) sum /= static_cast<double>(batches);
  for (const auto& one : metrics) {
    for (auto& value : one->evaluate()) result.metrics.push_back(std::move(value));
    result.report += one->report();
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

ODT_INLINE evaluated_picture draw_evaluated(std::string id, const image& picture, const detections& found,
                                            const labels& truth, const evaluator_settings& how) {
  const draw_options drawing{.min_score = how.options.min_score_threshold,
                             .max_boxes = how.options.max_num_boxes_to_visualize,
                             .labels = !how.options.skip_labels,
                             .scores = !how.options.skip_scores,
                             .font = {}};
  const auto names = how.labels.class_names();
  evaluated_picture drawn{std::move(id), picture, picture};
  draw_detections(drawn.found, found, names, drawing);
  if (how.options.visualize_groundtruth_boxes) draw_labels(drawn.found, truth, names, drawing);
  draw_labels(drawn.truth, truth, names, drawing);
  return drawn;
}

ODT_INLINE void write_summaries(event_writer& events, const evaluation& result) {
  for (const auto& [tag, value] : result.metrics) events.scalar(tag, static_cast<float>(value), result.step);
  for (const auto& [tag, value] : result.losses) {
    events.scalar(tag, static_cast<float>(value), result.step);
    if (tag == "Loss/total_loss") events.scalar("loss", static_cast<float>(value), result.step);
  }
  if (!result.losses.empty()) events.scalar("learning_rate", result.learning_rate, result.step);
  for (std::size_t i = 0; i < result.pictures.size(); ++i)  // the second number is that within a batch of one
    events.image(str("Detections_Left_Groundtruth_Right/", i, "/0"),
                 side_by_side(result.pictures[i].found, result.pictures[i].truth), result.step);
  events.flush();
}

ODT_INLINE void export_pictures(const evaluation& result, const eval_options& options, const std::string& below) {
  if (options.visualization_export_dir.empty() || result.pictures.empty()) return;
  const std::string directory =
      below.empty() ? options.visualization_export_dir : join_path(options.visualization_export_dir, below);
  make_directories(directory);
  for (std::size_t i = 0; i < result.pictures.size(); ++i) {
    const evaluated_picture& one = result.pictures[i];
    const std::string id = options.keep_image_id_for_visualization_export
                               ? str("-", detail::evaluating::file_name_of(one.id))
                               : std::string();
    write_file(join_path(directory, str("export-image-", i, id, ".png")), encode_png(one.found));
  }
}

ODT_INLINE std::string summary_text(const evaluation& result) {
  std::string losses;
  for (const auto& [tag, value] : result.losses)
    losses += str(losses.empty() ? "" : ", ", short_loss_name(tag), " ", significant(value));
  return str("evaluation at step ", result.step, ": ", counted(result.images, "image"), " in ",
             significant(result.seconds, 3), " s; ", losses.empty() ? "without ground truth" : str("loss: ", losses),
             "\n", result.report);
}

ODT_INLINE image_result make_result(std::string id, size2 size, detections found, std::string drawn) {
  image_result result{std::move(id), size, std::move(found), {}, std::move(drawn)};
  if (std::ranges::all_of(result.found, [](const detection& d) { return d.mask.pixels.empty(); })) return result;
  for (detection& d : result.found) {
    result.masks.push_back(runs_text(object_pixels(d, size)));
    d.mask = {};
  }
  return result;
}

ODT_INLINE std::string coco_results(std::span<const image_result> results, const label_map& labels) {
  auto list = nlohmann::ordered_json::array();
  std::int64_t place = 0;
  for (const image_result& one : results) {
    ++place;
    std::int64_t number = 0;
    const char* end = one.id.data() + one.id.size();
    const auto [stop, status] = std::from_chars(one.id.data(), end, number);
    const bool is_number = status == std::errc{} && stop == end && !one.id.empty();
    const auto height = static_cast<double>(one.size.height), width = static_cast<double>(one.size.width);
    for (std::size_t i = 0; i < one.found.size(); ++i) {
      const detection& d = one.found[i];
      list.push_back({{"image_id", is_number ? number : place},
                      {"file_name", one.id},
                      {"category_id", d.label + 1},
                      {"category_name", labels.display_name(d.label + 1)},
                      {"bbox",
                       {d.bounds.xmin * width, d.bounds.ymin * height, odt::width(d.bounds) * width,
                        odt::height(d.bounds) * height}},
                      {"score", d.score}});
      if (!one.masks.empty())
        list.back()["segmentation"] = {{"size", {one.size.height, one.size.width}}, {"counts", one.masks[i]}};
      if (!one.drawn.empty()) list.back()["drawn"] = one.drawn;
    }
  }
  return list.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace odt
