// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/label/learning.hpp>

#include <nlohmann/json.hpp>

namespace odt::labelling::detail {

ODT_INLINE nlohmann::ordered_json round_json(const round_result& r) {
  nlohmann::ordered_json round{{"version", r.version},   {"step", r.step},   {"photos", r.photos},
                               {"held_out", r.held_out}, {"boxes", r.boxes}, {"time", r.time},
                               {"seconds", r.seconds}};
  if (r.map) round["map"] = *r.map;
  if (r.map50) round["map50"] = *r.map50;
  return round;
}

ODT_INLINE round_result round_of(const nlohmann::json& from) {
  round_result r;
  r.version = from.at("version").get<std::int64_t>();
  r.step = from.value("step", std::int64_t{0});
  r.photos = from.value("photos", 0);
  r.held_out = from.value("held_out", 0);
  r.boxes = from.value("boxes", 0);
  r.time = from.value("time", 0.);
  r.seconds = from.value("seconds", 0.);
  if (from.contains("map")) r.map = from["map"].get<double>();
  if (from.contains("map50")) r.map50 = from["map50"].get<double>();
  return r;
}

}  // namespace odt::labelling::detail
