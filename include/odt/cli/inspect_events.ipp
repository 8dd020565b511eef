// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/inspect.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/io/event_file.hpp>
#include <odt/io/file.hpp>

#include <algorithm>
#include <map>

namespace odt {

namespace detail::events_inspection {

struct tag_summary {
  event::kind what = event::kind::other;
  std::int64_t count = 0, first_step = 0, last_step = 0;
  float first = 0, last = 0, low = 0, high = 0;
  int height = 0, width = 0;
};

ODT_INLINE void add(tag_summary& tag, const event& e) {
  if (tag.count == 0) {
    tag.what = e.what;
    tag.first_step = e.step;
    tag.first = tag.low = tag.high = e.value;
  }
  ++tag.count;
  tag.last_step = e.step;
  tag.last = e.value;
  tag.low = std::min(tag.low, e.value);
  tag.high = std::max(tag.high, e.value);
  tag.height = e.height;
  tag.width = e.width;
}

ODT_INLINE std::string describe(const tag_summary& tag) {
  std::string times = tag.count == 1 ? str("step ", tag.first_step)
                                     : str(tag.count, " values, steps ", tag.first_step, " to ", tag.last_step);
  if (tag.what == event::kind::picture) return str(times, ": image ", tag.width, " x ", tag.height);
  if (tag.what == event::kind::histogram) return str(times, ": histogram");
  if (tag.what != event::kind::scalar) return times;
  if (tag.count == 1) return str(times, ": ", significant(tag.last));
  return str(times, ": ", significant(tag.first), " -> ", significant(tag.last), " (", significant(tag.low), " to ",
             significant(tag.high), ")");
}

ODT_INLINE std::string inspect_one(const std::string& path) {
  event_reader reader(path);
  std::map<std::string, tag_summary> tags;
  std::int64_t events = 0;
  for (event e; reader.next(e);) {
    if (e.what == event::kind::version || e.what == event::kind::graph || e.tag.empty()) continue;
    ++events;
    add(tags[e.tag], e);
  }
  std::string text =
      str("event file ", path, ": ", counted(events, "value"), " under ", counted(std::ssize(tags), "tag"),
          reader.cut_short() ? "; the last record is not complete\n" : "\n");
  std::size_t widest = 0;
  for (const auto& [name, tag] : tags) widest = std::min<std::size_t>(80, std::max(widest, display_width(name)));
  for (const auto& [name, tag] : tags) text += str("  ", padded(name, widest), "  ", describe(tag), "\n");
  return text;
}

ODT_INLINE std::vector<std::string> files_in(const std::string& directory) {
  return matching_files(join_path(glob_of(directory), "*tfevents*"));
}

}  // namespace detail::events_inspection

ODT_INLINE std::string inspect_events(const std::string& path) {
  if (!is_directory(path)) return detail::events_inspection::inspect_one(path);
  std::string text;
  for (const std::string& file : detail::events_inspection::files_in(path))
    text += detail::events_inspection::inspect_one(file);
  return text;
}

}  // namespace odt
