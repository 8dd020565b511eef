// SPDX-License-Identifier: MIT
// Replays a fixture's 20 steps with the launcher and compares variable, slots, average and rate after each of them.
#pragma once

#include <golden.hpp>
#include <json_settings.hpp>
#include <odt/config/learning_rate.hpp>
#include <odt/exec/cpu/passes/update.hpp>

#include <map>
#include <string>

namespace odt::test {

/// Slots as the fixtures name them, in the order of O::slots.
template <odt::optimizer O>
void check_optimizer(const golden_case& c, const std::vector<std::string>& slot_names) {
  const odt::settings optimizer_message = to_settings(c.params());
  const odt::settings& message = optimizer_message.at(O::name);
  const auto how = odt::detail::make_policy<O>(message);
  const auto rate = odt::learning_rate_from(message.at("learning_rate"));
  const bool average = optimizer_message.get<bool>("use_moving_average");

  auto value = c.in("initial_variable").as<float>();
  const auto gradients = c.in("gradients").as<float>();
  const std::size_t count = value.size(), steps = gradients.size() / count;
  const std::size_t floats = (count + 15) / 16 * 16;
  value.resize(floats);
  std::vector<float> averages = value, gradient(floats);
  std::vector<std::vector<float>> slots;
  for (std::size_t s = 0; s < O::slots.size(); ++s) {
    BOOST_TEST(O::slots[s].initial == c.content["outputs"].at("initial_slot." + slot_names[s]).template get<float>());
    BOOST_TEST("weights/" + std::string(O::slots[s].suffix) ==
               c.content["outputs"]["slot_names_in_checkpoint"].at(slot_names[s]).template get<std::string>());
    slots.emplace_back(floats, O::slots[s].initial);
  }

  const odt::variable v{
      .name = "weights", .shape = {static_cast<int>(count)}, .size = static_cast<std::int64_t>(count)};
  odt::cpu::update_plan plan(odt::cut(std::span(&v, 1), static_cast<std::int64_t>(floats)));
  odt::cpu::update_stores stores{value.data(), gradient.data(), {}, average ? averages.data() : nullptr};
  for (auto& slot : slots) stores.slots.push_back(slot.data());
  const odt::update_options options{.average = average,
                                    .average_decay = optimizer_message.get<float>("moving_average_decay")};
  auto scalars = odt::initial_scalars<O>();
  odt::thread_pool pool(1);
  std::map<std::string, std::vector<float>> history;
  for (std::size_t step = 0; step < steps; ++step) {
    std::copy_n(gradients.begin() + static_cast<std::ptrdiff_t>(step * count), count, gradient.begin());
    const float lr = rate.at(static_cast<std::int64_t>(step));
    BOOST_TEST(odt::cpu::update(pool, how, scalars, options, lr, plan, stores).finite);
    const auto keep = [&](const std::string& name, const std::vector<float>& now) {
      const auto size = static_cast<std::ptrdiff_t>(std::min(now.size(), count));
      history[name].insert(history[name].end(), now.begin(), now.begin() + size);
    };
    keep("variable", value);
    keep("learning_rate", {lr});
    for (std::size_t s = 0; s < slots.size(); ++s) keep("slot." + slot_names[s], slots[s]);
    if (average) keep("slot.average", averages);
  }
  for (const auto& [name, values] : history) check_close(values, c.out(name), c, name);
}

}  // namespace odt::test
