// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/label_map.hpp>
#include <odt/io/proto_text.ipp>
#include <odt/io/text_file.hpp>
#include <odt/io/unicode.hpp>

#include <odt/label_map.pb.h>

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

namespace odt {

namespace detail::labels_text {

/// Where item `index` stands: "file:line: ".
using item_place = std::function<std::string(std::size_t index)>;

ODT_INLINE void check_item(const label_map_item& item, const std::string& place) {
  if (item.name.empty() && item.display_name.empty()) fail(place, "an item without name; give each class a name");
  const std::string& shown = item.name.empty() ? item.display_name : item.name;
  if (find_not_utf8(item.name + item.display_name) != std::string::npos)
    fail(place, "the name of id ", item.id, " is not UTF-8, which label maps are");
  if (item.id < 0) fail(place, "\"", shown, "\" has id ", item.id, "; ids start at 1");
  if (item.id == 0 && item.name != "background" && item.display_name != "background")
    fail(place, "\"", shown, "\" has id 0 (or none), which only \"background\" may have; ids of classes start at 1");
}

ODT_INLINE void check_all(const std::vector<label_map_item>& items, const item_place& place) {
  if (items.empty()) fail(place(0), "a label map without items; write item { id: 1 name: 'cat' } for each class");
  std::unordered_map<int, std::size_t> by_id;
  std::unordered_map<std::string, std::size_t> by_name;
  for (std::size_t i = 0; i < items.size(); ++i) {
    check_item(items[i], place(i));
    if (const auto [first, fresh] = by_id.emplace(items[i].id, i); !fresh)
      fail(place(i), "id ", items[i].id, " is given to \"", items[i].name, "\" and to \"", items[first->second].name,
           "\"; each class needs its own");
    if (items[i].name.empty()) continue;
    if (const auto [first, fresh] = by_name.emplace(items[i].name, i); !fresh)
      fail(place(i), "the name \"", items[i].name, "\" stands for ids ", items[first->second].id, " and ", items[i].id,
           "; each class needs its own");
  }
}

/// Names that people would take for one, or that hold what they do not see.
ODT_INLINE void warn_of_names(const label_map& map, std::string_view place) {
  std::unordered_map<std::string, const label_map_item*> known;
  for (const label_map_item& item : map.items()) {
    if (const std::string what = deceptive_character(item.name + item.display_name); !what.empty())
      warn(place, ": the name of id ", item.id, " (\"", map.display_name(item.id), "\") holds ", what);
    if (item.name.empty()) continue;
    const auto [first, fresh] = known.emplace(folded_text(item.name), &item);
    if (!fresh)
      warn(place, ": the names \"", first->second->name, "\" of id ", first->second->id, " and \"", item.name,
           "\" of id ", item.id, " differ only in ", folded_difference(first->second->name, item.name));
  }
}

ODT_INLINE void warn_of_oddities(const label_map& map, std::string_view place) {
  warn_of_names(map, place);
  if (const auto gaps = map.gaps(); !gaps.empty())
    warn(place, ": no class has id ", join(gaps, ", "), " (the largest id is ", map.max_id(),
         "); num_classes must be at least ", map.max_id());
  std::set<std::string_view> seen;
  for (const label_map_item& item : map.items())
    if (!item.display_name.empty() && !seen.insert(item.display_name).second)
      warn(place, ": the display name \"", item.display_name, "\" occurs more than once; as a class text it means id ",
           *map.id(item.display_name));
}

/// Whether there is an "item {" of protobuf's form.
ODT_INLINE bool has_items(std::string_view text) {
  for (std::size_t at = text.find("item"); at != std::string_view::npos; at = text.find("item", at + 1)) {
    const std::size_t next = text.find_first_not_of(" \t\r\n:", at + 4);
    if (next != std::string_view::npos && text[next] == '{') return true;
  }
  return false;
}

/// A list of names as labelImg and YOLO's programs keep it: classes.txt, obj.names.
ODT_INLINE bool is_list(std::string_view path, std::string_view text) {
  return (path.ends_with(".txt") || path.ends_with(".names")) && !has_items(text);
}

ODT_INLINE label_map from_list(std::string_view text, std::string_view place) {
  std::vector<label_map_item> items;
  std::vector<int> lines;
  int line = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string name(trimmed_text(text.substr(at, end - at)));
    at = end + 1;
    ++line;
    if (name.empty()) continue;
    if (name.find_first_of("{}") != std::string::npos)
      fail(place, ":", line, ": \"", name,
           "\" is no name of a class; write one name a line, or item { id: 1 name: 'cat' } for each");
    items.push_back({static_cast<int>(items.size()) + 1, name, ""});
    lines.push_back(line);
  }
  if (items.empty()) fail(place, ": the list is empty; one class a line is needed");
  check_all(items, [&](std::size_t i) { return str(place, ":", lines[i], ": "); });
  label_map map(std::move(items), place);
  info(place, ": taken as a list of classes with ids 1 to ", map.size(), " in its order");
  return map;
}

/// What people have in place of a label map, by its content.
ODT_INLINE void refuse_other_formats(std::string_view text, std::string_view place) {
  const std::string_view start = trimmed_text(text);
  const char* what = nullptr;
  if (start.starts_with('[') || start.starts_with("{")) what = "JSON";
  if (start.starts_with("<")) what = "XML";
  if (!start.empty() && start.find_first_of("{<#:") == std::string_view::npos) what = "a list of names";
  if (str("\n", text).find("\nnames:") != std::string::npos) what = "YAML, such as YOLO's data.yaml";
  if (what)
    fail(place, ": is ", what,
         "; a label map is needed: item { id: 1 name: 'cat' } for each class, or a file "
         "classes.txt with one name a line (ids from 1 in its order)");
}

}  // namespace detail::labels_text

ODT_INLINE label_map::label_map(std::vector<label_map_item> items, std::string_view place) : items_(std::move(items)) {
  detail::labels_text::check_all(items_, [place](std::size_t) { return str(place, ": "); });
  std::erase_if(items_, [](const label_map_item& item) { return item.id == 0; });
  std::ranges::sort(items_, {}, &label_map_item::id);
  for (const label_map_item& item : items_)
    if (!item.name.empty()) ids_.try_emplace(item.name, item.id);
  for (const label_map_item& item : items_)
    if (!item.display_name.empty()) ids_.try_emplace(item.display_name, item.id);
}

ODT_INLINE label_map label_map::from_names(const std::vector<std::string>& names) {
  std::vector<label_map_item> items;
  for (const std::string& name : names) items.push_back({static_cast<int>(items.size()) + 1, name, ""});
  return label_map(std::move(items));
}

ODT_INLINE label_map label_map::read(const std::string& path) {
  label_map map = parse(read_file(path), path);
  detail::labels_text::warn_of_oddities(map, path);
  return map;
}

ODT_INLINE label_map label_map::parse(std::string_view bytes, std::string_view place) {
  namespace pb = google::protobuf;
  const std::string text = plain_text(bytes, std::string(place));
  if (detail::labels_text::is_list(place, text)) return detail::labels_text::from_list(text, place);
  if (bytes.starts_with("\xef\xbb\xbf"))  // the API refuses it too
    fail(place, ":1: starts with a byte order mark; save it as UTF-8 without one");
  detail::labels_text::refuse_other_formats(text, place);
  detail::proto_text::check_characters(text, place);
  detail::proto_text::check_braces(text, place);
  proto::StringIntLabelMap message;
  pb::TextFormat::Parser parser;
  pb::TextFormat::ParseInfoTree locations;
  detail::proto_text::first_error error;
  parser.RecordErrorsTo(&error);
  parser.WriteLocationsTo(&locations);
  if (!parser.ParseFromString(text, &message)) fail(place, ":", error.text);

  const auto* const field = message.GetDescriptor()->FindFieldByName("item");
  std::vector<label_map_item> items;
  for (const auto& item : message.item()) items.push_back({item.id(), item.name(), item.display_name()});
  detail::labels_text::check_all(items, [&](std::size_t index) {
    const int line = items.empty() ? 0 : locations.GetLocation(field, static_cast<int>(index)).line;
    return str(place, ":", line + 1, ": ");
  });
  return label_map(std::move(items), place);
}

ODT_INLINE std::string label_map::text() const {
  proto::StringIntLabelMap message;
  for (const label_map_item& item : items_) {
    auto& added = *message.add_item();
    added.set_id(item.id);
    if (!item.name.empty()) added.set_name(item.name);
    if (!item.display_name.empty()) added.set_display_name(item.display_name);
  }
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string out;
  printer.PrintToString(message, &out);
  return out;
}

ODT_INLINE void label_map::write(const std::string& path) const { write_file(path, text()); }

ODT_INLINE const label_map_item* label_map::find(int id) const {
  const auto at = std::ranges::lower_bound(items_, id, {}, &label_map_item::id);
  return at != items_.end() && at->id == id ? &*at : nullptr;
}

ODT_INLINE std::optional<int> label_map::id(std::string_view name) const {
  const auto at = ids_.find(std::string(name));
  if (at == ids_.end()) return std::nullopt;
  return at->second;
}

ODT_INLINE std::string label_map::display_name(int id) const {
  const label_map_item* const item = find(id);
  if (!item) return str("class ", id);
  return item->display_name.empty() ? item->name : item->display_name;
}

ODT_INLINE std::vector<std::string> label_map::class_names() const {
  std::vector<std::string> names;
  for (int id = 1; id <= max_id(); ++id) names.push_back(display_name(id));
  return names;
}

ODT_INLINE std::vector<int> label_map::gaps() const {
  std::vector<int> missing;
  int expected = 1;
  for (const label_map_item& item : items_) {
    for (; expected < item.id && missing.size() < 1000; ++expected) missing.push_back(expected);
    expected = item.id + 1;
  }
  return missing;
}

}  // namespace odt
