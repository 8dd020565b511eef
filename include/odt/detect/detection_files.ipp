// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/dataset/annotation.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/detect/detection_files.hpp>
#include <odt/io/file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace odt {

namespace detail::detection_files {

/// As labelled sets call the class, else as people do.
ODT_INLINE std::string class_name(const label_map& labels, int label) {
  const label_map_item* const item = labels.find(label + 1);
  return item && !item->name.empty() ? item->name : labels.display_name(label + 1);
}

ODT_INLINE boxf visible(const detection& d) { return clip(d.bounds, boxf{0, 0, 1, 1}); }

ODT_INLINE pixel_box in_pixels(const boxf& b, size2 size) {
  const auto h = static_cast<double>(size.height), w = static_cast<double>(size.width);
  return {b.xmin * w, b.ymin * h, b.xmax * w, b.ymax * h};
}

/// The file that holds all, or the one of a picture; empty where the format has no such.
ODT_INLINE std::string file_of_all(detection_format format) {
  switch (format) {
    case detection_format::json:
      return "detections.json";
    case detection_format::csv:
      return "detections.csv";
    case detection_format::coco:
      return "instances.json";
    case detection_format::yolo:
      return "classes.txt";
    default:
      return {};
  }
}

ODT_INLINE std::string file_of_one(detection_format format, const std::string& picture) {
  switch (format) {
    case detection_format::voc:
      return str("Annotations/", picture, ".xml");
    case detection_format::labelimg:
      return picture + ".xml";
    case detection_format::yolo:
      return str("labels/", picture, ".txt");
    default:
      return {};
  }
}

ODT_INLINE std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

ODT_INLINE std::string csv_text(std::span<const image_result> results, const label_map& labels) {
  std::string text = "filename,width,height,class,xmin,ymin,xmax,ymax,score\n";
  for (const image_result& one : results)
    for (const detection& d : one.found) {
      const pixel_box b = in_pixels(visible(d), one.size);
      text += str(cell(last_part(one.id)), ",", one.size.width, ",", one.size.height, ",",
                  cell(class_name(labels, d.label)), ",", std::lround(b.xmin), ",", std::lround(b.ymin), ",",
                  std::lround(b.xmax), ",", std::lround(b.ymax), ",", d.score, "\n");
    }
  return text;
}

ODT_INLINE std::string coco_text(std::span<const image_result> results, const label_map& labels) {
  auto images = nlohmann::ordered_json::array(), annotations = images, categories = images;
  for (const label_map_item& item : labels.items())
    categories.push_back({{"id", item.id}, {"name", class_name(labels, item.id - 1)}});
  for (const image_result& one : results) {
    const std::size_t image_id = images.size() + 1;
    images.push_back(
        {{"id", image_id}, {"file_name", last_part(one.id)}, {"width", one.size.width}, {"height", one.size.height}});
    for (std::size_t i = 0; i < one.found.size(); ++i) {
      const pixel_box b = in_pixels(visible(one.found[i]), one.size);
      const double w = b.xmax - b.xmin, h = b.ymax - b.ymin;
      annotations.push_back({{"id", annotations.size() + 1},
                             {"image_id", image_id},
                             {"category_id", one.found[i].label + 1},
                             {"bbox", {b.xmin, b.ymin, w, h}},
                             {"area", w * h},
                             {"iscrowd", 0},
                             {"score", one.found[i].score}});
      if (!one.masks.empty())
        annotations.back()["segmentation"] = {{"size", {one.size.height, one.size.width}}, {"counts", one.masks[i]}};
    }
  }
  const nlohmann::ordered_json all{{"images", images}, {"annotations", annotations}, {"categories", categories}};
  return all.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

ODT_INLINE std::string xml_text(const image_result& one, const label_map& labels) {
  annotation labelled{.path = {}, .filename = last_part(one.id), .size = one.size, .objects = {}, .problems = {}};
  for (const detection& d : one.found) {
    annotated_object object;
    object.name = class_name(labels, d.label);
    object.bounds = in_pixels(visible(d), one.size);
    labelled.objects.push_back(std::move(object));
  }
  return voc_xml_text(labelled);
}

ODT_INLINE std::string yolo_text(const image_result& one) {
  std::string text;
  for (const detection& d : one.found) {
    const boxf b = visible(d);
    text += str(d.label, " ", (b.xmin + b.xmax) / 2, " ", (b.ymin + b.ymax) / 2, " ", width(b), " ", height(b), "\n");
  }
  return text;
}

ODT_INLINE std::string classes_text(const label_map& labels) {
  std::string text;
  for (int id = 1; id <= labels.max_id(); ++id) text += class_name(labels, id - 1) + "\n";
  return text;
}

ODT_INLINE std::string text_of_all(detection_format format, std::span<const image_result> results,
                                   const label_map& labels) {
  switch (format) {
    case detection_format::json:
      return coco_results(results, labels);
    case detection_format::csv:
      return csv_text(results, labels);
    case detection_format::coco:
      return coco_text(results, labels);
    default:
      return classes_text(labels);
  }
}

}  // namespace detail::detection_files

ODT_INLINE std::vector<std::string> detection_paths(detection_format format, const std::string& directory,
                                                    std::span<const std::string> pictures) {
  namespace d = detail::detection_files;
  std::vector<std::string> paths;
  for (const std::string& picture : pictures)
    if (const std::string file = d::file_of_one(format, picture); !file.empty())
      paths.push_back(join_path(directory, file));
  if (const std::string file = d::file_of_all(format); !file.empty()) paths.push_back(join_path(directory, file));
  return paths;
}

ODT_INLINE void write_detections(detection_format format, const std::string& directory,
                                 std::span<const std::string> pictures, std::span<const image_result> results,
                                 const label_map& labels) {
  namespace d = detail::detection_files;
  const auto write = [&](const std::string& file, const std::string& text) {
    if (file.empty()) return;
    const std::string path = join_path(directory, file);
    make_directories(directory_of(path));
    write_file(path, text);
  };
  for (std::size_t i = 0; i < results.size(); ++i)
    write(d::file_of_one(format, pictures[i]),
          format == detection_format::yolo ? d::yolo_text(results[i]) : d::xml_text(results[i], labels));
  if (const std::string file = d::file_of_all(format); !file.empty())
    write(file, d::text_of_all(format, results, labels));
}

}  // namespace odt
