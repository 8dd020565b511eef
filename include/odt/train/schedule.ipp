// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/train/schedule.hpp>

#include <array>
#include <cmath>
#include <string_view>
#include <vector>

namespace odt {

namespace detail::schedules {

/// The member of a oneof that is set, without marking it as read.
ODT_INLINE const settings* alternative(const settings* message) {
  if (!message) return nullptr;
  for (const settings& child : message->children)
    if (child.alternative && child.set) return &child;
  return nullptr;
}

ODT_INLINE const settings* schedule_of(const settings& root) {
  const settings* optimizer = alternative(root.find("train_config")->find("optimizer"));
  return optimizer ? alternative(optimizer->find("learning_rate")) : nullptr;
}

ODT_INLINE std::int64_t number(const settings& message, std::string_view field) {
  return std::stoll(message.find(field)->text);
}

/// The fields of a schedule that count steps.
ODT_INLINE std::vector<const settings*> steps_of(const settings& schedule) {
  constexpr std::array<std::string_view, 5> names{"total_steps", "warmup_steps", "hold_base_rate_steps", "decay_steps",
                                                  "burnin_steps"};
  std::vector<const settings*> fields;
  for (const std::string_view name : names)
    if (const settings* field = schedule.find(name)) fields.push_back(field);
  if (const settings* entries = schedule.find("schedule"))
    for (const settings& entry : entries->children) fields.push_back(entry.find("step"));
  return fields;
}

}  // namespace detail::schedules

ODT_INLINE std::string schedule_mismatch(const settings& root, std::int64_t last_step) {
  namespace d = detail::schedules;
  constexpr std::string_view advice = "; --stretch_schedule makes it end with the training";
  const settings* schedule = d::schedule_of(root);
  if (!schedule) return {};
  if (const settings* total = schedule->find("total_steps")) {
    const std::int64_t end = d::number(*schedule, "total_steps");
    if (last_step == 0 || last_step > end)
      return str(total->where(), "the learning rate is 0 from step ", grouped(end), " on, and the training goes on ",
                 last_step == 0 ? "without end" : str("to step ", grouped(last_step), advice));
    if (last_step * 2 < end)
      return str(total->where(), "the learning rate falls until step ", grouped(end),
                 ", and the training ends at step ", grouped(last_step), advice);
  }
  if (const settings* entries = schedule->find("schedule"); entries && !entries->children.empty() && last_step > 0) {
    const settings& first = entries->children.front();
    if (d::number(first, "step") >= last_step)
      return str(first.where(), "the learning rate changes first at step ", grouped(d::number(first, "step")),
                 ", and the training ends at step ", grouped(last_step), advice);
  }
  return {};
}

ODT_INLINE std::optional<std::int64_t> schedule_length(const settings& root, std::string_view flag) {
  namespace d = detail::schedules;
  const settings* schedule = d::schedule_of(root);
  if (!schedule || d::steps_of(*schedule).empty()) return std::nullopt;
  const std::int64_t length = schedule->find("total_steps") ? d::number(*schedule, "total_steps")
                                                            : d::number(*root.find("train_config"), "num_steps");
  if (length < 1) fail(flag, "train_config.num_steps says not for how many steps the schedule was made");
  return length;
}

ODT_INLINE std::string stretch_schedule(pipeline& config, std::int64_t last_step) {
  namespace d = detail::schedules;
  constexpr std::string_view flag = "--stretch_schedule: ";
  if (last_step < 1) fail(flag, "the training has no end; give --num_train_steps");
  const auto length = schedule_length(config.root(), flag);
  if (!length) fail(flag, "the config has no schedule that depends on the step");
  const settings* schedule = d::schedule_of(config.root());
  std::string changes, overrides;
  for (const settings* field : d::steps_of(*schedule)) {
    const auto old = std::stoll(field->text);
    const double stretched = static_cast<double>(old) * static_cast<double>(last_step) / static_cast<double>(*length);
    const auto now = std::max(std::llround(stretched), std::min(old, 1LL));  // what was not 0 stays so
    if (now == old) continue;
    const std::string_view name = std::string_view(field->path).substr(schedule->path.size() + 1);
    changes += str(changes.empty() ? "" : ", ", name, " ", grouped(old), " -> ", grouped(now));
    overrides += str(overrides.empty() ? "" : ",", field->path, "=", now);
  }
  config.apply_hparams(overrides);
  return changes;
}

}  // namespace odt
