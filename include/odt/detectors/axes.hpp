// SPDX-License-Identifier: MIT
// The table of a detector's axes. Its options list them once, under the names that people read and the places where
// pipeline.config chooses their policies:
//
//   static void axes(auto& options, auto&& axis) {
//     axis(axis_place{"box coder", "model.ssd.box_coder"}, options.box_coder);
//     ...
//
// Reading a config, telling why it asks for another detector, and describing one all go through that table.
#pragma once

#include <odt/core/any_of.hpp>
#include <odt/core/error.hpp>
#include <odt/core/settings.hpp>
#include <odt/detector.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace odt {

/// Where pipeline.config chooses the policy of an axis.
struct axis_place {
  std::string_view what;  ///< for people, e.g. "box coder"
  std::string_view path;  ///< below the root; a oneof, e.g. "model.ssd.box_coder"
  bool by_type = false;   ///< the message's string `type` chooses instead
};

namespace detail {

/// The names of the policies of a choice.
template <class... Policies>
constexpr std::array<std::string_view, sizeof...(Policies)> policy_names(const std::variant<Policies...>&) {
  return {Policies::name...};
}

/// Whether every policy of an axis satisfies a contract, given as a lambda over std::type_identity.
template <class Axis, class Contract>
constexpr bool all_fit(Contract contract) {
  return [&]<class... P>(std::type_identity<std::variant<P...>>) {
    return (contract(std::type_identity<P>{}) && ...);
  }(std::type_identity<choice_of<Axis>>{});
}

/// The message at a path below the root, or null where the file has none.
inline const settings* find_message(const settings& root, std::string_view path) {
  const settings* message = &root;
  while (message && !path.empty()) {
    const std::size_t end = std::min(path.find('.'), path.size());
    message = message->find(path.substr(0, end));
    if (message && !message->set) message = nullptr;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return message;
}

/// The node that names a choice: the string `type`, or the message that is set of a oneof; null where there is none.
inline const settings* find_choice(const settings& root, const axis_place& place) {
  const settings* message = find_message(root, place.path);
  if (!message || place.by_type) return message ? message->find("type") : nullptr;
  for (const settings& child : message->children)
    if (child.set && child.message) return &child;
  return nullptr;
}

/// Reads an axis; a file that leaves its message out gets the first policy with its own defaults.
template <class... Policies>
void read_axis(const settings& root, const axis_place& place, std::variant<Policies...>& choice) {
  const settings* message = find_message(root, place.path);
  if (!message) return;
  message->read = true;
  const settings& chosen = choose(place.by_type ? message->at("type") : *message, policy_names(choice));
  assign_policy(choice, place.by_type ? chosen.text : chosen.name, place.by_type ? *message : chosen);
}

/// Options in one line: "depth_multiplier 1, min_depth 16, fpn [min_level 3, max_level 7]".
template <class Options>
std::string options_line(const Options& options) {
  std::string line;
  const auto add = [&line](const auto&... parts) { line += str(line.empty() ? "" : ", ", parts...); };
  Options::fields(options, [&add](std::string_view name, const auto& value) {
    using value_type = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_arithmetic_v<value_type>) {
      add(name, " ", value);
    } else if constexpr (requires {
                           value.begin();
                           value.size();
                         }) {
      if (value.size() > 0) add(name, " [", join(value, ", "), "]");
    } else if constexpr (requires { value_type::fields(value, any_field{}); }) {
      if (const std::string inner = options_line(value); !inner.empty()) add(name, " [", inner, "]");
    }
  });
  return line;
}

}  // namespace detail

/// Reads all axes of a pipeline.
template <class Options>
void read_axes(const settings& root, Options& options) {
  Options::axes(options, [&root](const axis_place& place, auto& choice) { detail::read_axis(root, place, choice); });
}

/// Why a pipeline does not ask for a detector with these options; empty when it does. Looks only at the axes' names.
template <class Options>
std::string axes_mismatch(const settings& root) {
  std::string why;
  const Options options;
  Options::axes(options, [&](const axis_place& place, const auto& choice) {
    const settings* chosen = detail::find_choice(root, place);
    if (!why.empty() || !chosen) return;
    const auto names = detail::policy_names(choice);
    const std::string_view name = place.by_type ? std::string_view(chosen->text) : chosen->name;
    if (name.empty() || std::ranges::find(names, name) != names.end()) return;
    const std::string path = place.by_type ? chosen->path : detail::find_message(root, place.path)->path;
    why = str(path, ": \"", name, "\" is not available; this program has ", join(names, ", "));
  });
  return why;
}

/// What the axes hold, for a detector_description.
template <class Options>
std::vector<part_description> describe_axes(const Options& options) {
  std::vector<part_description> parts;
  Options::axes(options, [&parts](const axis_place& place, const auto& choice) {
    std::visit(
        [&](const auto& policy) {
          parts.push_back({std::string(place.what), std::string(policy.name), detail::options_line(policy.opts)});
        },
        choice);
  });
  return parts;
}

}  // namespace odt
