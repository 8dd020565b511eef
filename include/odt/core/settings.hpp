// SPDX-License-Identifier: MIT
// A tree of named values: what pipeline.config says, without protobuf. Each part of a detector reads its own
// piece; what nobody read, though the file sets it, is refused by its path (`refuse_unread`), so that no field is ever
// ignored.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/static_vector.hpp>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace odt {

/// One field: a scalar (its text), a list (children named "0", "1", ...), or a message (children by field name).
/// Fields that the file leaves out are there too, with the schema's default and `set == false`, also within messages
/// that it leaves out; lists that it leaves out are empty.
class settings {
 public:
  std::string name;                ///< the field's name within its message
  std::string path;                ///< from the root, e.g. "model.ssd.num_classes" or "schedule[2].step"
  std::string place;               ///< "file:line:column" where known, else the file
  std::string text;                ///< a scalar's value: numbers, "true"/"false", an enum's name, a string as it is
  std::string fallback;            ///< the schema's default of a scalar
  bool set = false;                ///< the file (or an override) gives it
  bool message = false;            ///< it has fields rather than a value
  bool alternative = false;        ///< it is one of a oneof
  std::vector<settings> children;  ///< fields of a message, or elements of a repeated field
  mutable bool read = false;       ///< somebody asked for it

  /// The child of that name, or null. Does not mark it as read.
  const settings* find(std::string_view child) const {
    const auto it = std::ranges::find(children, child, &settings::name);
    return it == children.end() ? nullptr : &*it;
  }

  /// The child of that name, marked as read; a field that the schema lacks is an error.
  const settings& at(std::string_view child) const {
    const settings* found = find(child);
    if (!found) fail(where(), "has no field \"", child, "\"");
    found->read = true;
    return *found;
  }

  /// Whether the file gives the child; marks it as read.
  bool has(std::string_view child) const {
    const settings* found = find(child);
    if (found) found->read = true;
    return found && found->set;
  }

  /// The value of the child, converted; an unreadable one is an error that names its place.
  template <class T>
  T get(std::string_view child) const {
    return at(child).template as<T>();
  }

  /// The value of this scalar as a bool, number, string or enum's name.
  template <class T>
  T as() const {
    read = true;
    if constexpr (std::is_same_v<T, std::string>) {
      return text;
    } else if constexpr (std::is_same_v<T, bool>) {
      return text == "true";
    } else if constexpr (std::is_same_v<T, double>) {
      return static_cast<double>(as<float>());  // the files' floats are float32
    } else {
      T value{};
      const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (status != std::errc{} || end != text.data() + text.size())
        fail(where(), "\"", text, "\" is not a number that fits here");
      return value;
    }
  }

  /// What a oneof of this message holds: the one alternative that is set, or null when none is. (Where no child is
  /// marked as an alternative, all are.)
  const settings* chosen() const {
    const bool marked = std::ranges::any_of(children, &settings::alternative);
    for (const settings& child : children)
      if (child.set && (child.alternative || !marked)) {
        child.read = true;
        return &child;
      }
    return nullptr;
  }

  /// Marks this field and all below it as read (fields known to have no effect here).
  void accept() const {
    read = true;
    for (const settings& child : children) child.accept();
  }

  /// "place: path: " for the start of a message.
  std::string where() const { return str(place, place.empty() ? "" : ": ", path, path.empty() ? "" : ": "); }
};

/// All fields that are set but that nobody read. A number, bool, enum or string that the file sets to its default says
/// nothing, and is left out.
inline void collect_unread(const settings& node, std::vector<const settings*>& out) {
  for (const settings& child : node.children) {
    if (!child.set || (child.children.empty() && !child.message && child.text == child.fallback)) continue;
    if (!child.read)
      out.push_back(&child);
    else
      collect_unread(child, out);
  }
}

/// Refuses, by path, every field that is set but that no part of the program read.
inline void refuse_unread(const settings& root) {
  std::vector<const settings*> unread;
  collect_unread(root, unread);
  if (unread.empty()) return;
  std::string message;
  for (const settings* node : unread)
    message += str(message.empty() ? "" : "\n", node->where(), "this field is not supported here; remove it");
  throw error(message);
}

/// What a oneof of `node` holds, marked as read, provided that it is among `available` (names of alternatives); for a
/// string such as a feature extractor's `type`, the node itself, provided that its value is among them.
/// An error names the field, its value, and what the program has.
template <class Names = std::initializer_list<std::string_view>>
const settings& choose(const settings& node, const Names& available) {
  node.read = true;
  const settings* found = node.message ? node.chosen() : &node;
  if (!found || (!node.message && !node.set))
    fail(node.where(), "is missing; this program has ", join(available, ", "));
  const std::string_view name = node.message ? found->name : found->text;
  if (std::ranges::find(available, name) != std::ranges::end(available)) return *found;
  const bool quoted = !node.message;
  fail(found->where(), quoted ? "\"" : "", quoted ? found->text : "", quoted ? "\" " : "",
       "is not available; this program has ", join(available, ", "));
}

/// Fills the options of a policy from its message: Policy options name their fields once, in
/// `static constexpr void fields(auto& options, auto&& field)`, as field("y_scale", options.y_scale). A field is a
/// number, a bool, a string, a list of them, an optional of them (empty unless the file gives it), or a type with
/// `static from(const settings&)`.
template <class Options>
Options read_options(const settings& message) {
  message.read = true;
  Options options{};
  Options::fields(options, [&message](std::string_view name, auto& member) {
    using member_type = std::remove_cvref_t<decltype(member)>;
    if constexpr (requires { member_type::from(message); }) {
      member = member_type::from(message.at(name));
    } else if constexpr (requires { member.has_value(); }) {
      if (message.has(name)) member = message.template get<typename member_type::value_type>(name);
    } else if constexpr (requires {
                           typename member_type::value_type;
                           member.clear();
                         } && !std::is_same_v<member_type, std::string>) {
      const settings& list = message.at(name);
      member.clear();
      for (const settings& element : list.children) {
        if constexpr (
            requires { member_type::capacity(); } && !requires { member.reserve(1); })
          if (member.size() == member_type::capacity())
            fail(element.where(), "at most ", member_type::capacity(), " values are supported here");
        member.push_back(element.template as<typename member_type::value_type>());
      }
    } else {
      member = message.template get<member_type>(name);
    }
  });
  return options;
}

}  // namespace odt
