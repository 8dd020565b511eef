// SPDX-License-Identifier: MIT
// A detector over pictures of any size, as somebody wants to see what it finds.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/image.hpp>
#include <odt/detect/tiles.hpp>
#include <odt/train/model_setup.hpp>

#include <optional>
#include <string>
#include <vector>

namespace odt {

/// What is looked for, and how.
struct find_options {
  std::vector<std::string> classes{};  ///< names or display names; empty: all
  std::optional<tiling> tiles{};       ///< besides the whole picture
};

class finder {
 public:
  /// An error for a class that the detector does not know. `source` must outlive this.
  finder(const ready_detector& source, const find_options& how);

  /// By falling score, normalized to the picture.
  detections operator()(const image& picture) const;

  const label_map& labels() const { return labels_; }
  const std::vector<std::string>& class_names() const { return names_; }

 private:
  detector& model_;
  std::optional<tiling> tiles_;
  label_map labels_;  // of every class, where the detector has no names too
  std::vector<std::string> names_;
  std::vector<bool> wanted_;  // by class; empty: all
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/detect/finder.ipp>
#endif
