// SPDX-License-Identifier: MIT
// Label Studio's protocol for ML backends: it asks for predictions, and tells of annotations. A task's photo is one of
// ours, found by its name; nothing is fetched from the address that the task has.
#pragma once

#include <odt/core/target.hpp>
#include <odt/label/server_state.ipp>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

namespace odt::labelling {

namespace detail {

/// How a labelling config calls the boxes and the picture.
struct studio_names {
  std::string boxes = "label", picture = "image";
};

/// The value of an attribute of the first such element.
ODT_INLINE std::string attribute_of(std::string_view config, std::string_view element, std::string_view attribute) {
  const std::size_t begin = config.find(str("<", element));
  if (begin == std::string_view::npos) return {};
  const std::string_view tag = config.substr(begin, config.find('>', begin) - begin);
  const std::size_t at = tag.find(str(" ", attribute, "=\""));
  if (at == std::string_view::npos) return {};
  const std::string_view rest = tag.substr(at + attribute.size() + 3);
  return std::string(rest.substr(0, rest.find('"')));
}

ODT_INLINE studio_names names_in(std::string_view config) {
  studio_names names;
  if (std::string name = attribute_of(config, "RectangleLabels", "name"); !name.empty()) names.boxes = name;
  if (std::string name = attribute_of(config, "RectangleLabels", "toName"); !name.empty()) names.picture = name;
  return names;
}

/// What may name a photo of ours in a task's address: "/data/local-files/?d=photos/a.jpg",
/// "/data/upload/1/0a1b2c3d-a.jpg".
ODT_INLINE std::vector<std::string> names_of(std::string address) {
  if (const std::size_t at = address.find("?d="); at != std::string::npos)
    address = address.substr(at + 3, address.find('&', at) - at - 3);
  else
    address = address.substr(0, address.find('?'));
  address = http::percent_decoded(address);
  std::vector<std::string> names{address};
  const std::string last = odt::detail::last_part(address);
  const bool uploaded = last.size() > 9 && last[8] == '-' &&
                        std::all_of(last.begin(), last.begin() + 8, [](unsigned char c) { return std::isxdigit(c); });
  if (uploaded) names.push_back(last.substr(9));
  return names;
}

ODT_INLINE json studio_box(const suggestion& s, size2 size, const studio_names& names) {
  const double w = size.width, h = size.height;
  return {{"from_name", names.boxes},
          {"to_name", names.picture},
          {"type", "rectanglelabels"},
          {"original_width", size.width},
          {"original_height", size.height},
          {"image_rotation", 0},
          {"value",
           {{"x", 100 * s.bounds.xmin / w},
            {"y", 100 * s.bounds.ymin / h},
            {"width", 100 * (s.bounds.xmax - s.bounds.xmin) / w},
            {"height", 100 * (s.bounds.ymax - s.bounds.ymin) / h},
            {"rotation", 0},
            {"rectanglelabels", {s.name}}}},
          {"score", s.score}};
}

ODT_INLINE annotated_object object_of_studio(const json& region, size2 size) {
  const json& value = region.at("value");
  const double x = value.at("x").get<double>() * size.width / 100, y = value.at("y").get<double>() * size.height / 100;
  annotated_object o;
  o.name = value.at("rectanglelabels").at(0).get<std::string>();
  o.bounds = {std::round(x), std::round(y), std::round(x + value.at("width").get<double>() * size.width / 100),
              std::round(y + value.at("height").get<double>() * size.height / 100)};
  o.truncated = labelimg_truncates(o.bounds, size);
  return o;
}

}  // namespace detail

ODT_INLINE std::optional<std::size_t> label_server::state::studio_photo(const detail::json& task) const {
  const auto data = task.find("data");
  if (data == task.end() || !data->is_object()) return std::nullopt;
  for (const auto& [key, value] : data->items()) {
    if (!value.is_string()) continue;
    for (const std::string& name : detail::names_of(value.get<std::string>())) {
      std::optional<std::size_t> found;
      std::size_t longest = 0;
      for (std::size_t i = 0; i < photos.size(); ++i) {
        const std::string& own = photos[i].name;
        const bool same = name == own || name.ends_with("/" + own);
        if (same && own.size() > longest) found = i, longest = own.size();
      }
      if (found) return found;
    }
  }
  return std::nullopt;
}

ODT_INLINE http::response label_server::state::studio_setup(const http::request& /*asked*/) {
  return detail::answer_json({{"model_version", suggestions ? suggestions->status().version : std::string()}});
}

ODT_INLINE http::response label_server::state::studio_predict(const http::request& asked) {
  const detail::json body = detail::parse_body(asked);
  const auto tasks = body.find("tasks");
  if (tasks == body.end() || !tasks->is_array()) throw http::refusal(400, "\"tasks\" is a list of tasks");
  const detail::studio_names names = detail::names_in(detail::field(body, "label_config", std::string()));
  detail::json results = detail::json::array();
  for (const detail::json& task : *tasks) {
    detail::json boxes = detail::json::array();
    const auto photo = studio_photo(task);
    double score = 0;
    std::string version;
    if (photo && suggestions) {
      http::request patient;
      patient.query = {{"wait", "20"}};
      suggestions_of(patient, *photo);
      const size2 size = store.get(*photo).size;
      if (const auto made = suggestions->find(*photo)) {
        version = made->version;
        for (const suggestion& s : made->found) {
          if (s.score < how.threshold) break;
          boxes.push_back(detail::studio_box(s, size, names));
          score += static_cast<double>(s.score);
        }
      }
    }
    const double mean = boxes.empty() ? 0 : score / static_cast<double>(boxes.size());
    results.push_back({{"result", std::move(boxes)}, {"score", mean}, {"model_version", version}});
  }
  return detail::answer_json({{"results", std::move(results)}});
}

/// An annotation that was made or changed becomes ours, accepted.
ODT_INLINE http::response label_server::state::studio_webhook(const http::request& asked) {
  const detail::json body = detail::parse_body(asked);
  const std::string action = detail::field(body, "action", std::string());
  if (action != "ANNOTATION_CREATED" && action != "ANNOTATION_UPDATED")
    return detail::answer_json({{"status", "ok"}, {"result", nullptr}});
  const auto annotation = body.find("annotation"), task = body.find("task");
  if (annotation == body.end() || task == body.end())
    throw http::refusal(400, "the webhook has to send its payload: \"annotation\" and \"task\"");
  const auto photo = studio_photo(*task);
  if (!photo) throw http::refusal(404, "the task's photo is none of those that odt label was started with");
  const photo_labels now = store.get(*photo);
  photo_change change{.revision = now.row.revision, .objects = {}, .by = "Label Studio"};
  try {
    for (const detail::json& region : annotation->at("result"))
      if (region.value("type", "") == "rectanglelabels")
        change.objects.push_back(detail::object_of_studio(region, now.size));
  } catch (const nlohmann::json::exception& wrong) {
    throw http::refusal(400, str("the annotation cannot be read: ", wrong.what()));
  }
  change.state = change.objects.empty() ? photo_state::verified_empty : photo_state::accepted;
  try {
    const photo_row row = store.save(*photo, change);
    return detail::answer_json({{"status", "ok"}, {"result", {{"revision", row.revision}}}}, 201);
  } catch (const revision_conflict&) {
    throw http::refusal(409, str(photos[*photo].name, ": somebody has changed it just now"));
  } catch (const error& wrong) {
    throw http::refusal(422, wrong.what());
  }
}

}  // namespace odt::labelling
