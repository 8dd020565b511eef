// SPDX-License-Identifier: MIT
// An axis of a detector: a policy, or `any_of` several, among which pipeline.config chooses at run time.
#pragma once

#include <odt/core/policy.hpp>
#include <odt/core/settings.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>
#include <variant>

namespace odt {

/// Stands for one of several policies of a contract: `any_of<rms_prop, momentum>`. The first is the default.
template <class... Policies>
struct any_of {};

namespace detail {

template <class Axis>
struct axis_traits {
  using choice = std::variant<Axis>;
  static constexpr std::array<std::string_view, 1> names{Axis::name};
};

template <class... Policies>
struct axis_traits<any_of<Policies...>> {
  static_assert(sizeof...(Policies) > 0, "any_of needs at least one policy to choose from");
  using choice = std::variant<Policies...>;
  static constexpr std::array<std::string_view, sizeof...(Policies)> names{Policies::name...};
};

}  // namespace detail

/// The policy that an axis has at run time, with its options: a std::variant of the axis' policies.
template <class Axis>
using choice_of = typename detail::axis_traits<Axis>::choice;

/// The names in pipeline.config of an axis' policies.
template <class Axis>
inline constexpr auto names_of = detail::axis_traits<Axis>::names;

namespace detail {

/// Makes the policy of that name from its message; `name` is among the choice's.
template <class Policy>
Policy make_policy(const settings& message) {
  const auto options = read_options<typename Policy::options>(message);
  if constexpr (requires { Policy::check(options); }) {
    try {
      Policy::check(options);
    } catch (const error& problem) {
      fail(message.where(), problem.what());
    }
  }
  return Policy{options};
}

template <class... Policies>
void assign_policy(std::variant<Policies...>& choice, std::string_view name, const settings& message) {
  (void)((Policies::name == name ? (choice = make_policy<Policies>(message), true) : false) || ...);
}

}  // namespace detail

/// Reads an axis from the oneof `message`, e.g. box_coder { faster_rcnn_box_coder { ... } }. A file that leaves the
/// message out gets the axis' first policy with its own defaults; one that names a policy that the program lacks is
/// refused.
template <class Axis>
choice_of<Axis> read_choice(const settings& message) {
  choice_of<Axis> choice;
  message.read = true;
  if (!message.set) return choice;
  const settings& chosen = choose(message, names_of<Axis>);
  detail::assign_policy(choice, chosen.name, chosen);
  return choice;
}

/// The name of the policy that a choice holds.
template <class... Policies>
std::string_view name_of(const std::variant<Policies...>& choice) {
  return std::visit([](const auto& policy) { return std::string_view(policy.name); }, choice);
}

}  // namespace odt
