// SPDX-License-Identifier: MIT
// The metric fixtures: flat arrays with an image index per box.
#pragma once

#include <odt/metric.hpp>

#include "../golden.hpp"

#include <map>

namespace odt::test {

/// The images of a case, boxes in pixels (so that their size is {1, 1}), unless it has masks.
struct metric_images {
  std::vector<labels> truth;
  std::vector<detections> found;
  metric_settings settings;
  size2 size{1, 1};

  void add_to(metric& m) const {
    for (std::size_t i = 0; i < truth.size(); ++i) m.add_image(std::to_string(i), truth[i], found[i], size);
  }
};

inline boxf box_at(const array& boxes, std::size_t i) {
  return {static_cast<float>(boxes[4 * i]), static_cast<float>(boxes[4 * i + 1]), static_cast<float>(boxes[4 * i + 2]),
          static_cast<float>(boxes[4 * i + 3])};
}

/// Masks as large as the picture: a detection's lies over a box that is all of it.
inline void read_masks(const golden_case& c, metric_images& images) {
  const array truth = c.in("groundtruth_masks"), truth_image = c.in("groundtruth_image");
  const array found = c.in("detection_masks"), found_image = c.in("detection_image");
  images.size = {static_cast<int>(truth.shape[1]), static_cast<int>(truth.shape[2])};
  const auto height = static_cast<float>(images.size.height), width = static_cast<float>(images.size.width);
  const auto pixels = static_cast<std::size_t>(truth.shape[1] * truth.shape[2]);
  const auto mask_of = [&]<class T>(const array& all, std::size_t i, basic_image<T> mask) {
    for (std::size_t k = 0; k < pixels; ++k) mask.pixels[k] = static_cast<T>(all[i * pixels + k]);
    return mask;
  };
  for (std::size_t i = 0; i < truth_image.size(); ++i)
    images.truth[static_cast<std::size_t>(truth_image[i])].masks.push_back(
        mask_of(truth, i, image(images.size.height, images.size.width, 1)));
  for (labels& l : images.truth)
    for (boxf& b : l.boxes) b = {b.ymin / height, b.xmin / width, b.ymax / height, b.xmax / width};
  std::vector<std::size_t> next(images.found.size());
  for (std::size_t i = 0; i < found_image.size(); ++i) {
    const auto n = static_cast<std::size_t>(found_image[i]);
    detection& d = images.found[n][next[n]++];
    if (d.bounds.ymin < d.bounds.ymax && d.bounds.xmin < d.bounds.xmax) d.bounds = {0, 0, 1, 1};
    d.mask = mask_of(found, i, float_image(images.size.height, images.size.width, 1));
  }
}

inline metric_images read_images(const golden_case& c) {
  metric_images images;
  const auto count = static_cast<std::size_t>(c.in("num_images")[0]);
  images.truth.resize(count);
  images.found.resize(count);
  for (const auto& category : c.params()["categories"]) images.settings.class_names.push_back(category["name"]);
  images.settings.include_metrics_per_category = c.params().value("include_metrics_per_category", false);

  const auto flags = [&c](const char* name) { return c.has_in(name) ? c.in(name) : array{}; };
  const array image = c.in("groundtruth_image"), boxes = c.in("groundtruth_boxes"),
              classes = c.in("groundtruth_classes");
  const array crowd = flags("groundtruth_is_crowd"), difficult = flags("groundtruth_difficult");
  for (std::size_t i = 0; i < image.size(); ++i) {
    labels& l = images.truth[static_cast<std::size_t>(image[i])];
    l.boxes.push_back(box_at(boxes, i));
    l.classes.push_back(static_cast<int>(classes[i]) - 1);
    if (crowd.size()) l.crowd.push_back(crowd[i] != 0);
    if (difficult.size()) l.difficult.push_back(difficult[i] != 0);
  }
  const array in = c.in("detection_image"), found = c.in("detection_boxes"), label = c.in("detection_classes"),
              score = c.in("detection_scores");
  for (std::size_t i = 0; i < in.size(); ++i)
    images.found[static_cast<std::size_t>(in[i])].push_back(
        {box_at(found, i), static_cast<int>(label[i]) - 1, static_cast<float>(score[i])});
  if (c.has_in("groundtruth_masks")) read_masks(c, images);
  return images;
}

inline void check_value(const golden_case& c, const std::string& what, double actual, const json& expected) {
  const array value = c.to_array(expected);
  check_close(std::vector<double>{actual}, value, c, what);
}

/// All tags of `values` and no others are expected, with these values.
inline void check_values(const golden_case& c, const metric_values& values, const json& expected) {
  BOOST_TEST(values.size() == expected.size(), c.name());
  for (const auto& [tag, value] : values) {
    BOOST_REQUIRE_MESSAGE(expected.contains(tag), c.name() << ": unexpected tag " << tag);
    check_value(c, tag, value, expected[tag]);
  }
}

}  // namespace odt::test
