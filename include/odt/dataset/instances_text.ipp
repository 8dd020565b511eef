// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/run_lengths.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/instances_text.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace odt {

namespace detail::instances {

using json = nlohmann::ordered_json;

ODT_INLINE std::ptrdiff_t category_id(const std::string& name, std::span<const std::string> categories) {
  const auto found = std::ranges::find(categories, name);
  if (found == categories.end()) fail("\"", name, "\" is none of the categories ", join(categories, ", "));
  return found - categories.begin() + 1;
}

ODT_INLINE json annotation(const outlined_picture& picture, std::size_t i, std::span<const std::string> categories) {
  const annotated_object& object = picture.objects[i];
  const pixel_box& b = object.bounds;
  return {{"category_id", category_id(object.name, categories)},
          {"segmentation", json::array({picture.outlines[i]})},
          {"area", area(polygon_runs(picture.outlines[i], picture.size))},
          {"bbox", {b.xmin, b.ymin, b.xmax - b.xmin, b.ymax - b.ymin}},
          {"iscrowd", 0}};
}

}  // namespace detail::instances

ODT_INLINE std::string instances_text(std::span<const outlined_picture> pictures,
                                      std::span<const std::string> categories) {
  using detail::instances::json;
  json images = json::array(), annotations = json::array(), names = json::array();
  for (const outlined_picture& picture : pictures) {
    if (picture.outlines.size() != picture.objects.size())
      fail(picture.file_name, ": ", picture.outlines.size(), " outlines for ", picture.objects.size(), " objects");
    images.push_back({{"id", images.size() + 1},
                      {"file_name", picture.file_name},
                      {"height", picture.size.height},
                      {"width", picture.size.width}});
    for (std::size_t i = 0; i < picture.objects.size(); ++i) {
      json one = detail::instances::annotation(picture, i, categories);
      one["id"] = annotations.size() + 1;
      one["image_id"] = images.size();
      annotations.push_back(std::move(one));
    }
  }
  for (const std::string& name : categories) names.push_back({{"id", names.size() + 1}, {"name", name}});
  const json all{
      {"images", std::move(images)}, {"annotations", std::move(annotations)}, {"categories", std::move(names)}};
  return all.dump() + "\n";
}

}  // namespace odt
