// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/detect/finder.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/label/suggestions.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <exception>
#include <filesystem>
#include <memory>
#include <utility>

namespace odt::labelling {

namespace detail {

inline constexpr float least_score = 0.05f;
inline constexpr std::size_t most_suggestions = 60;

/// What a loaded detector is made of; the finder refers to the detector.
struct loaded_detector {
  explicit loaded_detector(ready_detector d) : detector(std::move(d)), find(detector, {}) {}

  ready_detector detector;
  finder find;
};

ODT_INLINE std::vector<suggestion> predict(const loaded_detector& model, const std::string& path) {
  const image picture = read_upright(path);
  std::vector<suggestion> found;
  const auto h = static_cast<double>(picture.height), w = static_cast<double>(picture.width);
  for (const detection& d : model.find(picture)) {
    if (d.score < least_score || found.size() == most_suggestions) break;
    const pixel_box b{
        std::round(std::clamp(d.bounds.xmin * w, 1., w)), std::round(std::clamp(d.bounds.ymin * h, 1., h)),
        std::round(std::clamp(d.bounds.xmax * w, 1., w)), std::round(std::clamp(d.bounds.ymax * h, 1., h))};
    if (b.xmax - b.xmin < 1 || b.ymax - b.ymin < 1) continue;
    found.push_back({model.find.labels().find(d.label + 1)
                         ? model.find.labels().find(d.label + 1)->name
                         : model.find.class_names()[static_cast<std::size_t>(d.label)],
                     b, d.score});
  }
  return found;
}

}  // namespace detail

ODT_INLINE std::optional<std::int64_t> version_number(const std::string& name) {
  std::int64_t number = 0;
  const auto [end, status] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (name.empty() || status != std::errc{} || end != name.data() + name.size() || number < 0) return std::nullopt;
  return number;
}

ODT_INLINE std::vector<numbered_directory> numbered_directories(const std::string& folder) {
  std::vector<numbered_directory> found;
  std::error_code code;
  for (std::filesystem::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
    const auto number = version_number(at->path().filename().string());
    if (number && is_directory(at->path().string())) found.push_back({*number, at->path().string()});
  }
  std::ranges::sort(found, {}, &numbered_directory::number);
  return found;
}

ODT_INLINE predictor_loader load_with(std::span<const detector_type> types) {
  return [types = std::vector<detector_type>(types.begin(), types.end())](const model_version& version) {
    const auto model = std::make_shared<detail::loaded_detector>(load_detector(types, version.source));
    return predictor([model](const std::string& path) { return detail::predict(*model, path); });
  };
}

ODT_INLINE std::optional<model_version> newest_version(const std::string& export_dir, const std::string& model_dir,
                                                       const model_source& common) {
  model_version version{{}, common};
  const auto exports = numbered_directories(export_dir);
  for (auto at = exports.rbegin(); at != exports.rend(); ++at) {
    if (!file_exists(join_path(at->path, "pipeline.config"))) continue;
    version.name = std::to_string(at->number);
    version.source.checkpoint = at->path;
    version.source.pipeline_config_path = join_path(at->path, "pipeline.config");
    if (const std::string labels = join_path(at->path, "label_map.pbtxt"); file_exists(labels))
      version.source.label_map_path = labels;
    return version;
  }
  if (model_dir.empty() || !is_directory(model_dir)) return std::nullopt;
  const auto prefix = latest_checkpoint(model_dir);
  if (!prefix) return std::nullopt;
  version.name = prefix->substr(prefix->rfind('/') + 1);
  version.source.checkpoint = *prefix;
  return version;
}

ODT_INLINE double iou(const pixel_box& a, const pixel_box& b) {
  const double w = std::min(a.xmax, b.xmax) - std::max(a.xmin, b.xmin),
               h = std::min(a.ymax, b.ymax) - std::max(a.ymin, b.ymin);
  if (w <= 0 || h <= 0) return 0;
  const auto area = [](const pixel_box& x) { return (x.xmax - x.xmin) * (x.ymax - x.ymin); };
  return w * h / (area(a) + area(b) - w * h);
}

ODT_INLINE double uncertainty_of(std::span<const suggestion> found) {
  double best = 0, doubt = 0;
  for (const suggestion& s : found) {
    const auto score = static_cast<double>(s.score);
    best = std::max(best, score);
    doubt = std::max(doubt, 1 - std::abs(2 * score - 1));
  }
  return std::max(1 - best, doubt);
}

ODT_INLINE double difference_of(std::span<const suggestion> a, std::span<const suggestion> b) {
  const auto sure = [](const suggestion& s) { return s.score >= 0.5f; };
  std::vector<const suggestion*> rest;
  for (const suggestion& s : b)
    if (sure(s)) rest.push_back(&s);
  double all = static_cast<double>(rest.size()), met = 0;
  for (const suggestion& s : a) {
    if (!sure(s)) continue;
    ++all;
    const auto same = std::ranges::find_if(
        rest, [&](const suggestion* o) { return o->name == s.name && iou(o->bounds, s.bounds) >= 0.5; });
    if (same == rest.end()) continue;
    met += 2;
    rest.erase(same);
  }
  return all > 0 ? 1 - met / all : 0;
}

ODT_INLINE suggester::suggester(const photo_index& photos, predictor_loader load)
    : photos_(photos), load_(std::move(load)), predictions_(photos.size()) {
  status_.photos = photos.size();
  thread_ = std::thread([this] { run(); });
}

ODT_INLINE suggester::~suggester() { stop(); }

ODT_INLINE void suggester::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

ODT_INLINE void suggester::offer(model_version version) {
  {
    const std::lock_guard lock(mutex_);
    if (version.name == status_.version || version.name == status_.loading || version.name == refused_ ||
        (offered_ && offered_->name == version.name))
      return;
    offered_ = std::move(version);
  }
  wake_.notify_all();
}

ODT_INLINE void suggester::want(std::span<const std::size_t> photos) {
  {
    const std::lock_guard lock(mutex_);
    wanted_.assign(photos.begin(), photos.end());
  }
  wake_.notify_all();
}

ODT_INLINE std::optional<prediction> suggester::find(std::size_t photo) const {
  const std::lock_guard lock(mutex_);
  return predictions_.at(photo);
}

ODT_INLINE bool suggester::is_current(std::size_t photo) const {
  const std::lock_guard lock(mutex_);
  return predictions_.at(photo) && predictions_[photo]->version == status_.version;
}

ODT_INLINE suggester::order_values suggester::orders() const {
  const std::lock_guard lock(mutex_);
  order_values values{std::vector<double>(predictions_.size(), -1), std::vector<double>(predictions_.size(), -1)};
  for (std::size_t i = 0; i < predictions_.size(); ++i)
    if (predictions_[i] && predictions_[i]->problem.empty())
      values.uncertainty[i] = predictions_[i]->uncertainty, values.change[i] = predictions_[i]->change;
  return values;
}

ODT_INLINE suggester_status suggester::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

ODT_INLINE std::vector<std::string> suggester::versions_in_use() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names{status_.version, status_.loading};
  if (offered_) names.push_back(offered_->name);
  return names;
}

ODT_INLINE void suggester::on_change(std::function<void(std::optional<std::size_t>)> listener) {
  const std::lock_guard lock(mutex_);
  changed_ = std::move(listener);
}

ODT_INLINE void suggester::tell(std::optional<std::size_t> photo) {
  std::function<void(std::optional<std::size_t>)> listener;
  {
    const std::lock_guard lock(mutex_);
    listener = changed_;
  }
  if (listener) listener(photo);
}

ODT_INLINE void suggester::run() {
  for (;;) {
    std::optional<model_version> version;
    std::optional<std::size_t> photo;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] {
        if (!stopping_ && !offered_) photo = next();
        return stopping_ || offered_ || photo;
      });
      if (stopping_) return;
      version = std::exchange(offered_, std::nullopt);
      if (version) status_.loading = version->name;
    }
    if (version) {
      load(*version);
      tell(std::nullopt);
    } else {
      predict(*photo);
      tell(photo);
    }
  }
}

/// The next photo that this version has not seen; call it with the lock.
ODT_INLINE std::optional<std::size_t> suggester::next() {
  if (!model_) return std::nullopt;
  const auto open = [this](std::size_t i) { return !predictions_[i] || predictions_[i]->version != status_.version; };
  while (!wanted_.empty()) {
    const std::size_t photo = wanted_.front();
    wanted_.pop_front();
    if (photo < predictions_.size() && open(photo)) return photo;
  }
  for (; at_ < predictions_.size(); ++at_)
    if (open(at_)) return at_;
  return std::nullopt;
}

ODT_INLINE void suggester::load(const model_version& version) {
  tell(std::nullopt);
  predictor fresh;
  std::string problem;
  try {
    fresh = load_(version);
  } catch (const std::exception& wrong) {
    problem = str(version.name, ": ", wrong.what());
  }
  const std::lock_guard lock(mutex_);
  status_.loading.clear();
  status_.problem = problem;
  if (!fresh) {
    refused_ = version.name;
    return;
  }
  model_ = std::move(fresh);
  status_.version = version.name;
  status_.done = 0;
  at_ = 0;
}

ODT_INLINE void suggester::predict(std::size_t photo) {
  prediction fresh;
  try {
    fresh.found = model_(photos_[photo].path);
    fresh.uncertainty = uncertainty_of(fresh.found);
  } catch (const std::exception& wrong) {
    fresh.problem = wrong.what();
  }
  const std::lock_guard lock(mutex_);
  fresh.version = status_.version;
  if (const auto& before = predictions_[photo]) fresh.change = difference_of(before->found, fresh.found);
  predictions_[photo] = std::move(fresh);
  ++status_.done;
}

}  // namespace odt::labelling
