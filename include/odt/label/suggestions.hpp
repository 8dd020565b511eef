// SPDX-License-Identifier: MIT
// What a detector would draw, for all photos, made in the background; and made anew when a better detector comes.
#pragma once

#include <odt/dataset/annotation.hpp>
#include <odt/detector.hpp>
#include <odt/label/photos.hpp>
#include <odt/train/model_setup.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace odt::labelling {

/// A box that a detector would draw, in pixels of the upright photo.
struct suggestion {
  std::string name;
  pixel_box bounds;
  float score = 0;
};

/// What one detector found in a photo.
struct prediction {
  std::string version;
  std::vector<suggestion> found;  ///< by falling score
  double uncertainty = 1;         ///< 0: sure of everything; 1: not at all
  double change = 0;              ///< 0: finds what the version before found; 1: nothing of it
  std::string problem;            ///< why there is none
};

/// A detector that can be loaded.
struct model_version {
  std::string name;  ///< of an export's directory, or of a checkpoint
  model_source source;
};

/// The number that a version's directory is called by; nothing where the name is none.
std::optional<std::int64_t> version_number(const std::string& name);

struct numbered_directory {
  std::int64_t number = 0;
  std::string path;
};

/// The directories of a folder that are called by numbers, by rising number.
std::vector<numbered_directory> numbered_directories(const std::string& folder);

/// Finds in the photo at a path, by falling score.
using predictor = std::function<std::vector<suggestion>(const std::string& path)>;
using predictor_loader = std::function<predictor(const model_version&)>;

/// Loads with those detectors that a program was compiled with.
predictor_loader load_with(std::span<const detector_type> types);

/// The newest detector below a model_dir: of the exports in export_dir (directories called by numbers) that with the
/// highest number, else the newest checkpoint of model_dir. `common` says the rest.
std::optional<model_version> newest_version(const std::string& export_dir, const std::string& model_dir,
                                            const model_source& common);

/// How unsure a detector is of a photo: where its best box has a low score, or some box one near a half.
double uncertainty_of(std::span<const suggestion> found);

/// The share of boxes (with scores of a half and more) that only one of two predictions has.
double difference_of(std::span<const suggestion> a, std::span<const suggestion> b);

/// Intersection over union.
double iou(const pixel_box& a, const pixel_box& b);

struct suggester_status {
  std::string version, loading, problem;
  std::size_t done = 0, photos = 0;  ///< predicted by this version
};

/// One thread that loads and predicts. Thread-safe.
class suggester {
 public:
  suggester(const photo_index& photos, predictor_loader load);
  ~suggester();
  suggester(const suggester&) = delete;
  suggester& operator=(const suggester&) = delete;

  /// This detector takes the place of the one that is there as soon as it is loaded. One that cannot be loaded is told
  /// in the status, and the other stays.
  void offer(model_version version);

  /// These photos are looked at next, in this order.
  void want(std::span<const std::size_t> photos);

  /// The newest prediction of a photo, which may be an earlier version's.
  std::optional<prediction> find(std::size_t photo) const;

  /// Whether it is predicted by the version that is there.
  bool is_current(std::size_t photo) const;

  /// Uncertainty and change of all photos; -1 where nothing is predicted.
  struct order_values {
    std::vector<double> uncertainty, change;
  };
  order_values orders() const;

  suggester_status status() const;

  /// Names of versions that are in use or about to be.
  std::vector<std::string> versions_in_use() const;

  /// Called after each prediction, and without a photo when the version or its state changes.
  void on_change(std::function<void(std::optional<std::size_t>)> listener);

  void stop();

 private:
  void run();
  void load(const model_version& version);
  void predict(std::size_t photo);
  std::optional<std::size_t> next();
  void tell(std::optional<std::size_t> photo);

  const photo_index& photos_;
  predictor_loader load_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<model_version> offered_;
  std::string refused_;  // the last version that could not be loaded
  predictor model_;      // the thread's own
  suggester_status status_;
  std::vector<std::optional<prediction>> predictions_;
  std::deque<std::size_t> wanted_;
  std::size_t at_ = 0;
  std::function<void(std::optional<std::size_t>)> changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace odt::labelling

#if defined(ODT_HEADER_ONLY)
#include <odt/label/suggestions.ipp>
#endif
