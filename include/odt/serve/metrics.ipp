// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/serve/json.hpp>
#include <odt/serve/metrics.hpp>

#include <algorithm>
#include <cmath>

namespace odt::serve {

namespace detail::measuring {

/// 0.25 ms to 65 s, each bound the double of the one before it.
ODT_INLINE std::vector<double> time_bounds() {
  std::vector<double> bounds;
  for (double bound = 0.00025; bound < 100; bound *= 2) bounds.push_back(bound);
  return bounds;
}

ODT_INLINE std::string label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return str("\"", out, "\"");
}

/// One metric with its help, over all models.
class page {
 public:
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text += str("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
  }
  template <class Number>
  void value(const std::string& labels, Number number, std::string_view ending = "") {
    text += str(name_, ending, "{", labels, "} ", number, "\n");
  }
  void values(const std::string& labels, const histogram& h) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < h.bounds.size(); ++i)
      value(str(labels, ",le=\"", h.bounds[i], "\""), below += h.counts[i], "_bucket");
    value(labels + ",le=\"+Inf\"", h.total, "_bucket");
    value(labels, h.sum, "_sum");
    value(labels, h.total, "_count");
  }
  std::string text;

 private:
  std::string name_;
};

template <class Numbers>
std::string list(const Numbers& numbers) {
  return str("[", join(numbers, ","), "]");
}

}  // namespace detail::measuring

ODT_INLINE void histogram::add(double value) {
  ++counts[static_cast<std::size_t>(std::ranges::lower_bound(bounds, value) - bounds.begin())];
  sum += value;
  ++total;
}

ODT_INLINE double histogram::quantile(double share) const {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    below += counts[i];
    if (total > 0 && static_cast<double>(below) >= share * static_cast<double>(total)) return bounds[i];
  }
  return total > 0 ? bounds.back() : 0;
}

ODT_INLINE metrics::of_model::of_model()
    : latency(detail::measuring::time_bounds()),
      batch_seconds(detail::measuring::time_bounds()),
      batch_sizes({1, 2, 4, 8, 16, 32, 64, 128}) {}

ODT_INLINE metrics::metrics() : start_(std::chrono::steady_clock::now()) {}

ODT_INLINE void metrics::request(const std::string& model, std::string_view api, code how, double seconds) {
  const std::lock_guard lock(mutex_);
  of_model& m = models_[model];
  ++m.requests[{std::string(api), how}];
  if (how == code::ok) m.latency.add(seconds);
}

ODT_INLINE void metrics::batch(const std::string& model, int images, double seconds) {
  const std::lock_guard lock(mutex_);
  of_model& m = models_[model];
  m.batch_sizes.add(images);
  m.batch_seconds.add(seconds);
  m.images += static_cast<std::uint64_t>(images);
  tick(static_cast<std::uint64_t>(images));
}

ODT_INLINE void metrics::queue(const std::string& model, std::size_t images) {
  const std::lock_guard lock(mutex_);
  models_[model].queued = images;
}

ODT_INLINE void metrics::load(const std::string& model, std::int64_t, bool good, double seconds) {
  const std::lock_guard lock(mutex_);
  of_model& m = models_[model];
  ++(good ? m.good_loads : m.bad_loads);
  m.load_seconds += seconds;
}

ODT_INLINE void metrics::available(const std::string& model, std::vector<std::int64_t> versions) {
  const std::lock_guard lock(mutex_);
  models_[model].versions = std::move(versions);
}

ODT_INLINE void metrics::tick(std::uint64_t images) {
  using std::chrono::seconds;
  const auto size = static_cast<std::int64_t>(recent_.size());
  const auto now = std::chrono::duration_cast<seconds>(std::chrono::steady_clock::now() - start_).count();
  for (std::int64_t s = std::max(second_ + 1, now - size + 1); s <= now; ++s)
    recent_[static_cast<std::size_t>(s % size)] = 0;
  second_ = now;
  recent_[static_cast<std::size_t>(now % size)] += images;
}

/// Images a second, of the last ten whole ones.
ODT_INLINE double metrics::rate() const {
  const auto size = static_cast<std::int64_t>(recent_.size());
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start_).count();
  std::uint64_t images = 0;
  for (std::int64_t s = std::max<std::int64_t>(0, now - 10); s < now; ++s)
    if (s <= second_ && s > second_ - size) images += recent_[static_cast<std::size_t>(s % size)];
  return static_cast<double>(images) / static_cast<double>(std::clamp<std::int64_t>(now, 1, 10));
}

ODT_INLINE std::string metrics::text() const {
  namespace d = detail::measuring;
  const std::lock_guard lock(mutex_);
  d::page page;
  const auto each = [&](auto&& write) {
    for (const auto& [name, m] : models_) write(str("model_name=", d::label(name)), m);
  };
  page.begin(":tensorflow:serving:request_count", "counter", "Requests by model, interface and status.");
  each([&](const std::string& labels, const of_model& m) {
    for (const auto& [key, count] : m.requests)
      page.value(str(labels, ",API=", d::label(key.first), ",status=\"", name_of(key.second), "\""), count);
  });
  page.begin(":tensorflow:serving:request_latency_seconds", "histogram", "From a request's last byte to its answer.");
  each([&](const std::string& labels, const of_model& m) { page.values(labels, m.latency); });
  page.begin(":tensorflow:serving:runtime_latency_seconds", "histogram", "Of a batch in the detector.");
  each([&](const std::string& labels, const of_model& m) { page.values(labels, m.batch_seconds); });
  page.begin("odt_batch_images", "histogram", "Images of a batch.");
  each([&](const std::string& labels, const of_model& m) { page.values(labels, m.batch_sizes); });
  page.begin("odt_queued_images", "gauge", "Images that wait for a batch.");
  each([&](const std::string& labels, const of_model& m) { page.value(labels, m.queued); });
  page.begin("odt_model_version", "gauge", "1 for each version that answers.");
  each([&](const std::string& labels, const of_model& m) {
    for (const std::int64_t version : m.versions) page.value(str(labels, ",version=\"", version, "\""), 1);
  });
  page.begin(":tensorflow:cc:saved_model:load_attempt_count", "counter", "Versions that were loaded, or were not.");
  each([&](const std::string& labels, const of_model& m) {
    page.value(labels + ",status=\"success\"", m.good_loads);
    page.value(labels + ",status=\"fail\"", m.bad_loads);
  });
  return page.text;
}

ODT_INLINE std::string metrics::json() const {
  namespace d = detail::measuring;
  const std::lock_guard lock(mutex_);
  histogram all(d::time_bounds());
  std::uint64_t requests = 0, failed = 0, images = 0;
  for (const auto& [name, m] : models_) {
    for (std::size_t i = 0; i < all.counts.size(); ++i) all.counts[i] += m.latency.counts[i];
    all.total += m.latency.total;
    images += m.images;
    for (const auto& [key, count] : m.requests) (key.second == code::ok ? requests : failed) += count;
  }
  return str("{\"latency\":{\"bounds\":", d::list(all.bounds), ",\"counts\":", d::list(all.counts),
             "},\"p50\":", all.quantile(0.5), ",\"p99\":", all.quantile(0.99), ",\"requests\":", requests,
             ",\"failed\":", failed, ",\"images\":", images, ",\"per_second\":", rate(), "}");
}

}  // namespace odt::serve
