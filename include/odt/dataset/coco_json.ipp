// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/run_lengths.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/coco_json.hpp>
#include <odt/io/file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <unordered_map>
#include <utility>

namespace odt {

namespace detail::coco_json {

using nlohmann::json;

ODT_INLINE const json& field(const json& object, const char* name, const std::string& place) {
  if (!object.is_object()) fail(place, ": is ", object.type_name(), "; an object { } belongs there");
  const auto found = object.find(name);
  if (found == object.end()) fail(place, ": has no \"", name, "\"");
  return *found;
}

ODT_INLINE bool has(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && !found->is_null();
}

ODT_INLINE std::int64_t whole_number(const json& object, const char* name, const std::string& place) {
  const json& value = field(object, name, place);
  if (!value.is_number_integer()) fail(place, ": \"", name, "\" is ", value.dump(), "; a whole number is needed");
  return value.get<std::int64_t>();
}

ODT_INLINE double number(const json& value, const char* name, const std::string& place) {
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    fail(place, ": \"", name, "\" has ", value.dump(), "; a number is needed");
  return value.get<double>();
}

ODT_INLINE std::string text_of(const json& object, const char* name, const std::string& place) {
  const json& value = field(object, name, place);
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    fail(place, ": \"", name, "\" is ", value.dump(), "; a text is needed");
  return value.get<std::string>();
}

ODT_INLINE const json& list(const json& object, const char* name, const std::string& place) {
  const json& value = field(object, name, place);
  if (!value.is_array()) fail(place, ": \"", name, "\" is ", value.type_name(), "; a list [ ] is needed");
  return value;
}

/// An optional side of a picture in pixels; 0 when it is not there.
ODT_INLINE int side(const json& object, const char* name, const std::string& place) {
  if (!has(object, name)) return 0;
  const std::int64_t value = whole_number(object, name, place);
  if (value < 1 || value > std::numeric_limits<int>::max())
    fail(place, ": \"", name, "\" is ", value, "; a number of pixels is needed");
  return static_cast<int>(value);
}

ODT_INLINE pixel_box bounds_of(const json& object, const std::string& place) {
  const json& values = list(object, "bbox", place);
  if (values.size() != 4) fail(place, ": \"bbox\" has ", values.size(), " numbers; x, y, width and height are needed");
  const auto at = [&](std::size_t i) { return number(values[i], "bbox", place); };
  return {at(0), at(1), at(0) + at(2), at(1) + at(3)};
}

/// Runs in numbers or in COCO's text.
ODT_INLINE run_lengths runs_of(const json& segmentation, const std::string& place) {
  const json& size = list(segmentation, "size", place);
  if (size.size() != 2 || !size[0].is_number_unsigned() || !size[1].is_number_unsigned())
    fail(place, ": the segmentation's \"size\" is ", size.dump(), "; height and width are needed");
  const size2 extent{size[0].get<int>(), size[1].get<int>()};
  const json& counts = field(segmentation, "counts", place);
  if (counts.is_string()) return read_runs(counts.get_ref<const std::string&>(), extent);
  if (!counts.is_array() || !std::ranges::all_of(counts, [](const json& c) { return c.is_number_unsigned(); }))
    fail(place, ": the segmentation's \"counts\" are no list of run lengths, nor COCO's text of them");
  run_lengths runs{extent, counts.get<std::vector<std::uint32_t>>()};
  check_runs(runs);
  return runs;
}

using polygons = std::vector<std::vector<double>>;

ODT_INLINE polygons polygons_of(const json& segmentation, const std::string& place) {
  polygons shapes;
  for (const json& shape : segmentation) {
    if (!shape.is_array() || shape.size() < 6 || shape.size() % 2 != 0)
      fail(place, ": a polygon of the segmentation has ",
           shape.is_array() ? str(shape.size(), " numbers") : shape.dump(),
           "; x and y of at least three corners are needed");
    std::vector<double>& corners = shapes.emplace_back();
    for (const json& value : shape) corners.push_back(number(value, "segmentation", place));
  }
  if (shapes.empty()) fail(place, ": \"segmentation\" is empty; --include_masks needs polygons or run lengths");
  return shapes;
}

ODT_INLINE image drawn(const polygons& shapes, size2 size) {
  std::vector<run_lengths> parts;
  for (const std::vector<double>& corners : shapes) parts.push_back(polygon_runs(corners, size));
  return to_mask(merged(parts));
}

/// Makes the mask later, where many threads do it: a hundred thousand of them as pixels fit into no memory.
ODT_INLINE std::function<image(size2)> mask_of(const json& object, const std::string& place) {
  const auto with_place = [place](auto&& make) {
    try {
      return make();
    } catch (const error& wrong) {
      fail(place, ": the segmentation: ", wrong.what());
    }
  };
  const json& segmentation = field(object, "segmentation", place);
  if (segmentation.is_object()) {
    run_lengths runs = with_place([&] { return runs_of(segmentation, place); });
    return [runs = std::move(runs), place](size2 size) {
      if (runs.size != size)
        fail(place, ": the segmentation is of ", runs.size.width, "x", runs.size.height, " pixels, its picture of ",
             size.width, "x", size.height, "; they have to be the same");
      return to_mask(runs);
    };
  }
  if (!segmentation.is_array())
    fail(place, ": \"segmentation\" is ", segmentation.type_name(), "; polygons or run lengths are needed");
  return [shapes = polygons_of(segmentation, place), with_place](size2 size) {
    return with_place([&] { return drawn(shapes, size); });
  };
}

/// Goes through the lists of one file.
class reader {
 public:
  reader(const json& root, std::string path, bool masks) : root_(root), path_(std::move(path)), masks_(masks) {}

  coco_labels run() {
    read_categories();
    read_images();
    if (root_.contains("annotations"))
      for (const json& object : list(root_, "annotations", path_)) read_annotation(object);
    return std::move(out_);
  }

 private:
  void read_categories() {
    for (const json& object : list(root_, "categories", path_)) {
      const std::string place = str(path_, ": category ", out_.categories.size());
      const std::int64_t id = whole_number(object, "id", place);
      if (id < 0 || id > std::numeric_limits<int>::max()) fail(place, ": the id ", id, " is out of range");
      out_.categories.push_back({static_cast<int>(id), text_of(object, "name", place), ""});
      if (!categories_.emplace(id, out_.categories.back().name).second)
        fail(place, ": the id ", id, " occurs twice; each category needs its own");
    }
  }

  void read_images() {
    for (const json& object : list(root_, "images", path_)) {
      const std::string place = str(path_, ": image ", out_.pictures.size());
      const std::int64_t id = whole_number(object, "id", place);
      annotation picture;
      picture.path = path_;
      picture.source_id = str(id);
      picture.place = str(path_, ": image id ", id);
      picture.filename = text_of(object, "file_name", picture.place);
      picture.size = {side(object, "height", picture.place), side(object, "width", picture.place)};
      if (picture.size.height == 0 || picture.size.width == 0) picture.size = {};
      if (!images_.emplace(id, out_.pictures.size()).second)
        fail(picture.place, " occurs twice; each image needs its own");
      out_.pictures.push_back(std::move(picture));
    }
  }

  void read_annotation(const json& object) {
    std::string place = str(path_, ": annotation number ", number_++);
    std::vector<std::string>* problems = &out_.problems;
    try {
      place = str(path_, ": annotation id ", whole_number(object, "id", place));
      const std::int64_t image_id = whole_number(object, "image_id", place);
      const auto picture = images_.find(image_id);
      if (picture == images_.end()) fail(place, ": image_id ", image_id, " is none of the file's images");
      annotation& labels = out_.pictures[picture->second];
      problems = &labels.problems;
      labels.objects.push_back(object_of(object, place));
    } catch (const error& wrong) {
      problems->emplace_back(wrong.what());
    }
  }

  annotated_object object_of(const json& object, const std::string& place) const {
    annotated_object result;
    result.place = place;
    const std::int64_t id = whole_number(object, "category_id", place);
    const auto category = categories_.find(id);
    if (category == categories_.end()) fail(place, ": category_id ", id, " is none of the file's categories");
    result.name = category->second;
    result.bounds = bounds_of(object, place);
    if (has(object, "area")) result.area = static_cast<float>(number(object["area"], "area", place));
    if (has(object, "iscrowd")) result.crowd = number(object["iscrowd"], "iscrowd", place) != 0;
    if (masks_) result.mask = mask_of(object, place);
    return result;
  }

  const json& root_;
  std::string path_;
  bool masks_;
  coco_labels out_;
  std::unordered_map<std::int64_t, std::string> categories_;
  std::unordered_map<std::int64_t, std::size_t> images_;  ///< by id, their places in out_.pictures
  std::size_t number_ = 0;
};

}  // namespace detail::coco_json

ODT_INLINE coco_labels read_coco_json(const std::string& path, bool masks) {
  return parse_coco_json(read_file(path), path, masks);
}

ODT_INLINE coco_labels parse_coco_json(std::string_view text, const std::string& path, bool masks) {
  detail::coco_json::json root;
  try {
    root = detail::coco_json::json::parse(text);
  } catch (const detail::coco_json::json::parse_error& wrong) {
    const auto before = text.substr(0, std::min(wrong.byte, text.size()));
    fail(path, ":", 1 + std::ranges::count(before, '\n'), ": is no JSON from byte ", wrong.byte, " on");
  }
  return detail::coco_json::reader(root, path, masks).run();
}

}  // namespace odt
