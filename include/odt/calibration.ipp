// SPDX-License-Identifier: MIT
#pragma once

#include <odt/calibration.hpp>

#include <array>
#include <cstddef>

namespace odt {

namespace detail::calibration {

/// Fills the options from a calibration_config, function by function.
struct reader {
  calibration_options& out;
  int columns;

  void read(const settings& chosen) {
    const auto points = [this](const settings& value) { add_points(value); };
    const auto sigmoid = [this](const settings& value) { add_sigmoid(value); };
    if (chosen.name == "function_approximation")
      one_for_all(calibration_kind::interpolation, chosen.at("x_y_pairs"), points);
    else if (chosen.name == "class_id_function_approximations")
      one_a_class(calibration_kind::interpolation, chosen.at("class_id_xy_pairs_map"), points);
    else if (chosen.name == "sigmoid_calibration")
      one_for_all(calibration_kind::sigmoid, chosen.at("sigmoid_parameters"), sigmoid);
    else if (chosen.name == "class_id_sigmoid_calibrations")
      one_a_class(calibration_kind::sigmoid, chosen.at("class_id_sigmoid_parameters_map"), sigmoid);
    else
      one_for_all(calibration_kind::temperature, chosen, [this](const settings& value) { add_temperature(value); });
    begin_function();
  }

 private:
  void begin_function() { out.begins.push_back(static_cast<int>(out.pairs.size())); }

  template <class Add>
  void one_for_all(calibration_kind kind, const settings& message, const Add& add) {
    out.kind = kind;
    begin_function();
    message.read = true;
    add(message);
  }

  template <class Add>
  void one_a_class(calibration_kind kind, const settings& map, const Add& add) {
    out.kind = kind, out.by_class = true;
    if (map.children.empty()) fail(map.where(), "is empty; a calibration by class needs at least one entry");
    std::vector<const settings*> entries(static_cast<std::size_t>(columns));
    for (const settings& entry : map.children) {
      entry.read = true;
      const int id = entry.get<int>("key");
      if (id < 0 || id >= columns)
        fail(entry.at("key").where(), id, " is no column of the predictions; there are 0 to ", columns - 1);
      const settings*& own = entries[static_cast<std::size_t>(id)];
      if (own) fail(entry.at("key").where(), id, " is taken by ", own->path, " already");
      own = &entry;
    }
    for (const settings* entry : entries) {
      begin_function();
      if (!entry) continue;
      const settings& value = entry->at("value");
      value.read = true;
      add(value);
    }
  }

  void add_points(const settings& message) {
    message.at("training_data_type").accept();  // how they were found
    const settings& points = message.at("x_y_pair");
    if (points.children.empty()) fail(message.where(), "has no x_y_pair; a function needs at least one point");
    const std::size_t first = out.pairs.size();
    for (const settings& point : points.children) {
      point.read = true;
      const calibration_pair p{point.get<float>("x"), point.get<float>("y")};
      if (out.pairs.size() > first) check_order(point, out.pairs.back(), p);
      out.pairs.push_back(p);
    }
  }

  static void check_order(const settings& where, const calibration_pair& before, const calibration_pair& p) {
    if (!(p.x > before.x))
      fail(where.at("x").where(), "is ", p.x, " behind a point of ", before.x, "; the x of points have to rise");
    if (!(p.y >= before.y))
      fail(where.at("y").where(), "is ", p.y, " behind a point of ", before.y,
           "; the y of points must not fall, or worse boxes would come before better ones");
  }

  void add_sigmoid(const settings& message) {
    const calibration_pair p{message.get<float>("a"), message.get<float>("b")};
    if (!(p.x <= 0))
      fail(message.at("a").where(), "is ", p.x,
           "; it has to be 0 or less, or worse boxes would come before better ones");
    out.pairs.push_back(p);
  }

  void add_temperature(const settings& message) {
    const auto scaler = message.get<float>("scaler");
    if (!(scaler > 0)) fail(message.at("scaler").where(), "is ", scaler, "; it has to be more than 0");
    out.pairs.push_back({scaler, 0});
  }
};

}  // namespace detail::calibration

ODT_INLINE std::string_view calibration_options::name() const {
  switch (kind) {
    case calibration_kind::interpolation:
      return by_class ? "class_id_function_approximations" : "function_approximation";
    case calibration_kind::sigmoid:
      return by_class ? "class_id_sigmoid_calibrations" : "sigmoid_calibration";
    case calibration_kind::temperature:
      return "temperature_scaling_calibration";
    default:
      return "";
  }
}

ODT_INLINE std::string calibration_options::summary() const {
  if (by_class) {
    std::size_t classes = 0;
    for (std::size_t i = 1; i < begins.size(); ++i) classes += begins[i] > begins[i - 1] ? 1 : 0;
    return str(classes, classes == 1 ? " class" : " classes");
  }
  switch (kind) {
    case calibration_kind::interpolation:
      return str(pairs.size(), pairs.size() == 1 ? " point" : " points");
    case calibration_kind::sigmoid:
      return str("a ", pairs[0].x, ", b ", pairs[0].y);
    case calibration_kind::temperature:
      return str("scaler ", pairs[0].x);
    default:
      return "";
  }
}

ODT_INLINE calibration_options calibration_options::from(const settings& message, int columns) {
  calibration_options o;
  if (!message.set) return o;
  message.read = true;
  const settings* const chosen = message.chosen();
  if (!chosen)
    fail(message.where(), "is empty; one of ",
         join(std::array<std::string_view, 5>{"function_approximation", "class_id_function_approximations",
                                              "sigmoid_calibration", "class_id_sigmoid_calibrations",
                                              "temperature_scaling_calibration"},
              ", "),
         " belongs in it");
  detail::calibration::reader{o, columns}.read(*chosen);
  return o;
}

}  // namespace odt
