// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/label/leases.hpp>
#include <odt/label/review.hpp>
#include <odt/label/server.hpp>
#include <odt/label/server_json.ipp>
#include <odt/label/suggestions.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace odt::labelling {

namespace detail {

/// All pages that listen.
class event_hub {
 public:
  void add(std::shared_ptr<http::event_stream> stream) {
    const std::lock_guard lock(mutex_);
    streams_.push_back(std::move(stream));
  }

  void send(std::string_view event, const json& data) {
    const std::string text = text_of(data);
    const std::lock_guard lock(mutex_);
    std::erase_if(streams_, [&](const auto& stream) { return !stream->send(event, text); });
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    streams_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<http::event_stream>> streams_;
};

/// The doubts about each photo's labels, as far as both labels and predictions are known.
class doubt_table {
 public:
  explicit doubt_table(std::size_t photos) : doubts_(photos) {}

  void set(std::size_t photo, std::vector<doubt> doubts) {
    const std::lock_guard lock(mutex_);
    doubts_[photo] = std::move(doubts);
  }
  std::vector<std::vector<doubt>> all() const {
    const std::lock_guard lock(mutex_);
    return doubts_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::vector<doubt>> doubts_;
};

}  // namespace detail

struct label_server::state {
  state(std::span<const detector_type> types, const label_options& options);
  ~state() { stop(); }

  void stop();
  void watch();
  bool has_model() const { return suggestions != nullptr; }
  void judge(std::size_t photo);
  detail::json row_json(std::size_t photo) const;
  detail::json model_json() const;

  http::response handle(const http::request& asked);
  http::response page(const http::request& asked) const;
  http::response api(const http::request& asked);
  http::response of_photo(const http::request& asked, std::size_t photo);
  http::response project() const;
  http::response list() const;
  http::response labels(const http::request& asked, std::size_t photo);
  http::response picture(std::size_t photo) const;
  http::response save(const http::request& asked, std::size_t photo);
  http::response take_lease(const http::request& asked, std::size_t photo);
  http::response suggestions_of(const http::request& asked, std::size_t photo);
  http::response next(const http::request& asked) const;
  http::response doubts() const;
  http::response accepted() const;
  http::response statistics() const;

  http::response studio_setup(const http::request& asked);
  http::response studio_predict(const http::request& asked);
  http::response studio_webhook(const http::request& asked);
  std::optional<std::size_t> studio_photo(const detail::json& task) const;

  label_options how;
  photo_index photos;
  annotation_store store;
  leases held;
  detail::event_hub events;
  detail::doubt_table doubted;
  std::unique_ptr<suggester> suggestions;
  std::unique_ptr<learner> learning;
  std::mutex wait_mutex;
  std::condition_variable wait;
  bool stopping = false;
  std::thread watcher;
  std::unique_ptr<http::server> server;
};

ODT_INLINE label_server::state::state(std::span<const detector_type> types, const label_options& options)
    : how(options),
      photos(options.images, options.annotations),
      store(photos, options.labels),
      held(std::chrono::milliseconds(static_cast<std::int64_t>(options.lease_seconds * 1000))),
      doubted(photos.size()) {
  for (const std::string& why : photos.left_out()) warn(why);
  if (how.learning) how.model_dir = how.learning->model_dir, how.export_dir = how.learning->export_dir;
  if (how.export_dir.empty() && !how.model_dir.empty()) how.export_dir = join_path(how.model_dir, "export");
  if (!how.model_dir.empty() || !how.model.checkpoint.empty())
    suggestions = std::make_unique<suggester>(photos, load_with(types));
  if (how.learning)
    learning = std::make_unique<learner>(store, *how.learning, [this] { return suggestions->versions_in_use(); });
  store.on_change([this](std::size_t photo) {
    events.send("photo", row_json(photo));
    judge(photo);
    if (learning) learning->note_change();
  });
  if (suggestions)
    suggestions->on_change([this](std::optional<std::size_t> photo) {
      if (photo) judge(*photo);
      events.send("model", model_json());
      if (photo) events.send("photo", row_json(*photo));
    });
  if (learning) learning->on_change([this] { events.send("learning", detail::status_json(learning->status())); });
  server = std::make_unique<http::server>(how.http, [this](const http::request& asked) { return handle(asked); });
  server->events("/api/events", [this](const http::request&, std::shared_ptr<http::event_stream> stream) {
    stream->send("hello", "{}");
    events.add(std::move(stream));
  });
  if (learning) learning->start();
  if (suggestions) watcher = std::thread([this] { watch(); });  // last: nothing fails behind a thread
}

ODT_INLINE void label_server::state::stop() {
  {
    const std::lock_guard lock(wait_mutex);
    if (std::exchange(stopping, true)) return;
  }
  wait.notify_all();
  events.clear();
  if (server) server->stop();
  if (watcher.joinable()) watcher.join();
  if (learning) learning->stop();
  if (suggestions) suggestions->stop();
}

/// Looks for a newer detector each second.
ODT_INLINE void label_server::state::watch() {
  for (;;) {
    try {
      if (!how.model.checkpoint.empty())
        suggestions->offer({odt::detail::last_part(how.model.checkpoint), how.model});
      else if (auto version = newest_version(how.export_dir, how.model_dir, how.model))
        suggestions->offer(std::move(*version));
    } catch (const std::exception& wrong) {
      warn("looking for a detector: ", wrong.what());
    }
    std::unique_lock lock(wait_mutex);
    if (wait.wait_for(lock, std::chrono::seconds(1), [this] { return stopping; })) return;
  }
}

/// Compares the labels of a photo, if somebody has made some, with what was found.
ODT_INLINE void label_server::state::judge(std::size_t photo) {
  if (!suggestions) return;
  const auto made = suggestions->find(photo);
  const photo_row row = store.row(photo);
  if (!made || !made->problem.empty() || !is_accepted(row.state)) return doubted.set(photo, {});
  try {
    doubted.set(photo, doubts_about(store.get(photo).objects, made->found));
  } catch (const std::exception& wrong) {
    warn(photos[photo].name, ": ", wrong.what());
  }
}

ODT_INLINE detail::json label_server::state::row_json(std::size_t photo) const {
  const photo_row row = store.row(photo);
  detail::json json{{"id", photos[photo].id},
                    {"revision", row.revision},
                    {"state", name_of(row.state)},
                    {"boxes", row.classes.size()},
                    {"by", row.by}};
  if (suggestions)
    if (const auto made = suggestions->find(photo)) json["uncertainty"] = made->uncertainty;
  return json;
}

ODT_INLINE detail::json label_server::state::model_json() const {
  if (!suggestions) return nullptr;
  const suggester_status s = suggestions->status();
  return {
      {"version", s.version}, {"loading", s.loading}, {"problem", s.problem}, {"done", s.done}, {"photos", s.photos}};
}

}  // namespace odt::labelling
