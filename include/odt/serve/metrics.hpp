// SPDX-License-Identifier: MIT
// What a server has done, for Prometheus and for its page.
#pragma once

#include <odt/serve/status.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace odt::serve {

/// How many values lie below each bound, and their sum.
struct histogram {
  explicit histogram(std::vector<double> upper) : bounds(std::move(upper)), counts(bounds.size() + 1) {}
  void add(double value);
  /// The value below which that share lies, by the bucket's upper bound; 0: there is none.
  double quantile(double share) const;

  std::vector<double> bounds;
  std::vector<std::uint64_t> counts;  ///< the last: above all bounds
  double sum = 0;
  std::uint64_t total = 0;
};

class metrics {
 public:
  metrics();

  void request(const std::string& model, std::string_view api, code how, double seconds);
  void batch(const std::string& model, int images, double seconds);
  void queue(const std::string& model, std::size_t images);
  void load(const std::string& model, std::int64_t version, bool good, double seconds);
  void available(const std::string& model, std::vector<std::int64_t> versions);

  /// Prometheus's text format, with TensorFlow Serving's names where it has them.
  std::string text() const;
  /// {"latency": {"bounds": [...], "counts": [...]}, "p50": ..., "p99": ..., "requests": ..., "images": ...,
  /// "per_second": ...}; seconds.
  std::string json() const;

 private:
  using second_counts = std::array<std::uint64_t, 64>;
  struct of_model {
    std::map<std::pair<std::string, code>, std::uint64_t> requests;  // by api
    histogram latency, batch_seconds, batch_sizes;
    std::uint64_t images = 0, good_loads = 0, bad_loads = 0;
    double load_seconds = 0;
    std::size_t queued = 0;
    std::vector<std::int64_t> versions;
    of_model();
  };
  void tick(std::uint64_t images);
  double rate() const;

  mutable std::mutex mutex_;
  std::map<std::string, of_model> models_;
  second_counts recent_{};  // images of the last seconds, in a ring
  std::int64_t second_ = 0;
  const std::chrono::steady_clock::time_point start_;
};

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/metrics.ipp>
#endif
