// SPDX-License-Identifier: MIT
// The page on which people draw boxes, and the HTTP interface behind it (docs/labelling.md).
#pragma once

#include <odt/detector.hpp>
#include <odt/http/server.hpp>
#include <odt/label/learning.hpp>
#include <odt/label/store.hpp>
#include <odt/train/model_setup.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace odt::labelling {

struct label_options {
  std::string images, annotations;
  store_options labels{};
  model_source model{};  ///< of suggestions: with `checkpoint` that one, else model_dir's newest
  std::string model_dir{}, export_dir{};
  std::optional<learning_options> learning{};
  double threshold = 0.5;  ///< of the scores of suggestions that are shown in the beginning
  double lease_seconds = 60;
  std::string page{};  ///< a folder with the page's files, instead of the program's own
  http::server_options http{};
};

class label_server {
 public:
  label_server(std::span<const detector_type> types, const label_options& how);
  ~label_server();
  label_server(const label_server&) = delete;
  label_server& operator=(const label_server&) = delete;

  int port() const;
  std::string url() const;
  const photo_index& photos() const;

  /// Ends the page's server, and the training with a checkpoint.
  void stop();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace odt::labelling

#if defined(ODT_HEADER_ONLY)
#include <odt/label/server.ipp>
#endif
