// SPDX-License-Identifier: MIT
// What the page and the server say to each other.
#pragma once

#include <odt/core/target.hpp>
#include <odt/dataset/labelimg.hpp>
#include <odt/http/message.hpp>
#include <odt/label/learning.hpp>
#include <odt/label/leases.hpp>
#include <odt/label/review.hpp>
#include <odt/label/round_json.ipp>
#include <odt/label/store.hpp>
#include <odt/label/suggestions.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace odt::labelling::detail {

using json = nlohmann::ordered_json;

ODT_INLINE std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ODT_INLINE http::response answer_json(const json& value, int status = 200) {
  return {status, "application/json", text_of(value), {}};
}

ODT_INLINE json box_json(const pixel_box& b) { return {b.xmin, b.ymin, b.xmax, b.ymax}; }

ODT_INLINE json object_json(const annotated_object& o) {
  json object{{"name", o.name}, {"box", box_json(o.bounds)}, {"difficult", o.difficult}, {"truncated", o.truncated}};
  if (!o.pose.empty() && o.pose != "Unspecified") object["pose"] = o.pose;
  return object;
}

ODT_INLINE json lease_json(const lease& held, const std::string& session) {
  return {{"mine", held.holder.session == session}, {"by", held.holder.name}, {"seconds", held.seconds_left()}};
}

ODT_INLINE json labels_json(const photo& p, const photo_labels& now) {
  json objects = json::array();
  for (const annotated_object& o : now.objects) objects.push_back(object_json(o));
  return {{"id", p.id},
          {"name", p.name},
          {"width", now.size.width},
          {"height", now.size.height},
          {"revision", now.row.revision},
          {"state", name_of(now.row.state)},
          {"by", now.row.by},
          {"time", now.row.time},
          {"readable", now.row.problem.empty()},
          {"remarks", now.remarks},
          {"objects", std::move(objects)}};
}

ODT_INLINE json prediction_json(const std::optional<prediction>& made, bool current) {
  json found = json::array();
  if (made)
    for (const suggestion& s : made->found)
      found.push_back({{"name", s.name}, {"box", box_json(s.bounds)}, {"score", std::round(s.score * 1e4) / 1e4}});
  return {{"version", made ? made->version : ""},
          {"current", current},
          {"uncertainty", made ? made->uncertainty : -1},
          {"problem", made ? made->problem : ""},
          {"boxes", std::move(found)}};
}

ODT_INLINE json doubt_json(const doubt& d) {
  return {{"kind", name_of(d.kind)},
          {"weight", std::round(d.weight * 1000) / 1000},
          {"box", box_json(d.bounds)},
          {"labelled", d.labelled},
          {"found", d.found}};
}

ODT_INLINE json status_json(const learning_status& s) {
  json rounds = json::array();
  for (const round_result& r : s.rounds) rounds.push_back(round_json(r));
  return {{"phase", s.phase}, {"message", s.message}, {"step", s.step},       {"last_step", s.last_step},
          {"loss", s.loss},   {"fresh", s.fresh},     {"next_at", s.next_at}, {"rounds", std::move(rounds)}};
}

ODT_INLINE json effort_json(const effort& e) {
  return {{"seconds", e.seconds},   {"drawn", e.drawn},     {"adjusted", e.adjusted},
          {"accepted", e.accepted}, {"removed", e.removed}, {"actions", e.actions}};
}

/// The body of a request; what is no JSON object is refused with 400.
ODT_INLINE json parse_body(const http::request& asked) {
  json body = json::parse(asked.body, nullptr, false);
  if (!body.is_object()) throw http::refusal(400, "the body has to be a JSON object");
  return body;
}

/// A field of a request; one of another type is refused with 400.
template <class T>
T field(const json& from, const char* name, T otherwise) {
  const auto at = from.find(name);
  if (at == from.end() || at->is_null()) return otherwise;
  try {
    return at->get<T>();
  } catch (const nlohmann::json::exception&) {
    throw http::refusal(400, str("\"", name, "\" is ", at->type_name(), ", which cannot be taken here"));
  }
}

ODT_INLINE annotated_object object_of(const json& from, size2 size) {
  const auto sides = field(from, "box", std::vector<double>());
  if (sides.size() != 4) throw http::refusal(400, "a box is [xmin, ymin, xmax, ymax], in pixels");
  annotated_object o;
  o.name = field(from, "name", std::string());
  o.bounds = {sides[0], sides[1], sides[2], sides[3]};
  o.difficult = field(from, "difficult", false);
  o.pose = field(from, "pose", std::string());
  const auto truncated = from.find("truncated");
  const bool said = truncated != from.end() && !truncated->is_null();
  o.truncated = said ? field(from, "truncated", false) : labelimg_truncates(o.bounds, size);
  return o;
}

ODT_INLINE effort effort_of(const json& from) {
  const auto count = [&](const char* name) { return std::clamp(field(from, name, 0), 0, 100000); };
  effort e;
  e.seconds = std::clamp(field(from, "seconds", 0.), 0., 86400.);
  e.drawn = count("drawn");
  e.adjusted = count("adjusted");
  e.accepted = count("accepted");
  e.removed = count("removed");
  e.actions = count("actions");
  return e;
}

ODT_INLINE photo_change change_of(const json& from, size2 size) {
  photo_change change;
  change.revision = field(from, "revision", std::int64_t{-1});
  const auto state = state_named(field(from, "state", std::string("draft")));
  if (!state || *state == photo_state::untouched)
    throw http::refusal(400, str("\"state\" is one of ", join(std::span(state_names).subspan(1), ", ")));
  change.state = *state;
  change.by = field(from, "by", std::string());
  const auto objects = from.find("objects");
  if (objects == from.end() || !objects->is_array() || objects->size() > 10000)
    throw http::refusal(400, "\"objects\" is a list of boxes");
  for (const json& object : *objects) {
    if (!object.is_object()) throw http::refusal(400, "a box is an object with \"name\" and \"box\"");
    change.objects.push_back(object_of(object, size));
  }
  if (const auto work = from.find("work"); work != from.end() && work->is_object()) change.work = effort_of(*work);
  return change;
}

}  // namespace odt::labelling::detail
