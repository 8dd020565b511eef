// SPDX-License-Identifier: MIT
// One version of a model, loaded and warm.
#pragma once

#include <odt/serve/batcher.hpp>
#include <odt/serve/signature.hpp>
#include <odt/train/model_setup.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace odt::serve {

/// How versions are loaded and asked.
struct servable_options {
  int threads = 0;
  std::string device = "auto";
  std::optional<precision> compute{};
  std::string hparams_overrides{}, config_override{}, pipeline_config_path{}, label_map_path{};
  batch_options batching{};
  image_limits images{};
};

using predicted = std::function<void(const status&, predict_response)>;

class servable {
 public:
  /// Loads the checkpoint (what model_source takes) and computes batches of each size once. Fails with what is wrong.
  servable(std::span<const detector_type> types, std::string model, std::int64_t version, const std::string& checkpoint,
           const servable_options& how, std::mutex& turn, batch_observer watch = {});

  /// Answers from the batcher's thread, or throws a failure at once. This has to live until then: `done` holds it.
  void predict(const predict_request& asked, clock::time_point deadline, predicted done,
               std::function<bool()> cancelled = {});

  /// The same, waiting.
  predict_response predict(const predict_request& asked);

  const std::string& model() const { return model_; }
  std::int64_t version() const { return version_; }
  const output_layout& layout() const { return layout_; }
  const std::vector<std::string>& class_names() const { return class_names_; }
  std::size_t waiting() const { return batcher_->waiting(); }

 private:
  std::string model_;
  std::int64_t version_;
  servable_options how_;
  ready_detector detector_;
  output_layout layout_;
  std::vector<std::string> class_names_;
  std::unique_ptr<batcher> batcher_;
};

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/servable.ipp>
#endif
