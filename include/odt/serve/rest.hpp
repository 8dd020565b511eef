// SPDX-License-Identifier: MIT
// TensorFlow Serving's REST interface, Prometheus's metrics, and a page for people.
#pragma once

#include <odt/http/server.hpp>
#include <odt/serve/metrics.hpp>
#include <odt/serve/models.hpp>

#include <functional>

namespace odt::serve {

struct rest_options {
  double timeout = 30;  ///< seconds of a predict request
  bool page = true;     ///< GET /
};

/// Answers
///   POST /v1/models/NAME[/versions/N|/labels/L]:predict
///   GET  /v1/models/NAME[/versions/N|/labels/L][/metadata]
///   GET  /monitoring/prometheus/metrics, /, /healthz
/// The paths' own words in any case; a POST's Content-Type is not looked at. What takes time is done by `post`.
class rest_service {
 public:
  rest_service(models& all, metrics& count, rest_options how) : all_(all), count_(count), how_(how) {}

  /// How answers that come from a batcher's thread are written on another.
  void write_on(std::function<void(std::function<void()>)> post) { post_ = std::move(post); }

  void operator()(http::request asked, http::answer give) const;

 private:
  http::response get(const http::request& asked) const;
  void predict(const model_choice& choice, const http::request& asked, const http::answer& give) const;
  http::response overview() const;

  models& all_;
  metrics& count_;
  rest_options how_;
  std::function<void(std::function<void()>)> post_;
};

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/rest.ipp>
#endif
