// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/display_width.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/dataset/convert_report.hpp>
#include <odt/io/unicode.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace odt {

namespace detail::account {

/// "5 %" of a fraction.
ODT_INLINE std::string percent(double fraction) { return str(std::lround(fraction * 100), " %"); }

ODT_INLINE std::string sizes_text(std::vector<size2> sizes) {
  const auto show = [](size2 s) { return str(s.width, "x", s.height); };
  std::ranges::sort(sizes, {}, [](size2 s) { return static_cast<std::int64_t>(s.height) * s.width; });
  if (sizes.front() == sizes.back()) return show(sizes.front());
  return str(show(sizes.front()), " to ", show(sizes.back()), ", in the middle ", show(sizes[sizes.size() / 2]));
}

/// A table of boxes by class (rows) and set (columns).
ODT_INLINE std::string boxes_text(const convert_report& report) {
  std::size_t longest = 10;
  for (const label_map_item& item : report.classes.items())
    longest = std::max(longest, display_width(report.classes.display_name(item.id)));
  const auto line = [&](const std::string& name, auto&& value) {
    std::string text = "  " + padded(name, longest);
    for (const converted_set& set : report.sets)
      text += padded(value(set), std::max<std::size_t>(10, display_width(set.name) + 2), true);
    return text + "\n";
  };
  std::string text = line("", [](const converted_set& set) { return set.name; });
  text += line("pictures", [](const converted_set& set) { return str(set.pictures); });
  if (std::ranges::any_of(report.sets, [](const converted_set& set) { return set.without_boxes > 0; }))
    text += line("no boxes", [](const converted_set& set) { return str(set.without_boxes); });
  text += line("boxes", [](const converted_set& set) {
    return str(std::accumulate(set.boxes.begin(), set.boxes.end(), std::size_t{0}));
  });
  for (std::size_t i = 0; i < report.classes.items().size(); ++i)
    text += line(report.classes.display_name(report.classes.items()[i].id),
                 [i](const converted_set& set) { return str(set.boxes[i]); });
  return text;
}

/// Classes that people would take for one, and names that hold what they do not see.
ODT_INLINE std::string names_text(const label_map& classes) {
  std::string text;
  std::map<std::string, std::string> known;
  for (const label_map_item& item : classes.items()) {
    const auto [first, fresh] = known.emplace(folded_text(item.name), item.name);
    if (!fresh)
      text += str("  \"", first->second, "\" and \"", item.name, "\" are two classes; they differ only in ",
                  folded_difference(first->second, item.name), "\n");
    if (const std::string what = deceptive_character(item.name); !what.empty())
      text += str("  the name \"", item.name, "\" holds ", what, "\n");
    if (item.name.find('\n') != std::string::npos)
      text += str("  the name \"", item.name, "\" holds a line break; a quote may be missing in the table\n");
    if (const auto at = item.name.find('&'); at != std::string::npos && item.name.find(';', at) != std::string::npos)
      text += str("  the name \"", item.name, "\" holds an HTML entity\n");
  }
  return text;
}

/// Classes that a detector cannot learn, or whose learning nobody would see.
ODT_INLINE std::string scarcity_text(const convert_report& report) {
  constexpr std::size_t few = 20;
  std::string text;
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < report.classes.items().size(); ++i) {
    const std::string name = str("\"", report.classes.display_name(report.classes.items()[i].id), "\"");
    std::vector<std::string> in, without;
    std::size_t boxes = 0;
    for (const converted_set& set : report.sets) {
      (set.boxes[i] ? in : without).push_back(set.name);
      boxes += set.boxes[i];
    }
    if (boxes == 0)
      missing.push_back(name);
    else if (boxes < few)
      text += str("  ", name, " has ", boxes == 1 ? "1 box" : str(boxes, " boxes"),
                  " in all; some hundreds are a beginning\n");
    if (boxes && !without.empty())
      text += str("  ", name, " occurs in ", join(in, ", "), ", not in ", join(without, ", "), "\n");
  }
  if (!missing.empty()) text += str("  no boxes of ", join(missing, ", "), "\n");
  return text;
}

}  // namespace detail::account

ODT_INLINE std::size_t convert_report::count(conversion_problem::outcome done) const {
  return static_cast<std::size_t>(std::ranges::count(problems, done, &conversion_problem::done));
}

ODT_INLINE std::string convert_report::text(std::size_t most) const {
  std::string out;
  for (const converted_set& set : sets)
    out +=
        str(set.files.front(), set.files.size() > 1 ? str(" ... (", set.files.size(), " files)") : std::string(), "\n");
  out += str(label_map_path, label_map_made ? " (made)" : " (as it was)", "\n", detail::account::boxes_text(*this));
  if (!picture_sizes.empty()) out += str("  pictures of ", detail::account::sizes_text(picture_sizes), " pixels\n");
  if (!box_sizes.empty()) {
    std::vector<double> sorted = box_sizes;
    std::ranges::sort(sorted);
    const auto show = [&](std::size_t i) { return detail::account::percent(sorted[i]); };
    out += str("  boxes of ", show(0), " to ", show(sorted.size() - 1), " of the picture's side, in the middle ",
               show(sorted.size() / 2), "\n");
  }
  if (masks) out += str("  boxes with a mask: ", masks, "\n");
  const auto were = [](std::size_t n, std::string_view what) {
    return str("  ", counted(static_cast<std::int64_t>(n), "picture"), what, n == 1 ? " was " : " were ");
  };
  if (turned) out += were(turned, "") + "turned upright as their EXIF orientation says, and encoded anew\n";
  if (recoded)
    out +=
        were(recoded, "") +
        "encoded anew, since records hold JPEG and PNG: WebP as JPEG of quality 95, BMP, GIF (its first picture) and "
        "TIFF as PNG\n";
  if (without_annotation) out += were(without_annotation, " without labels") + "left out\n";
  if (repeated_pictures)
    out += str("  pictures with the bytes of another one: ", repeated_pictures, " (", first_repeated, ")\n");
  if (repeated_boxes)
    out += str("  boxes that occur twice in their picture, with the same class: ", repeated_boxes, "\n");
  return out + detail::account::names_text(classes) + detail::account::scarcity_text(*this) + problems_text(most);
}

ODT_INLINE std::string convert_report::problems_text(std::size_t most) const {
  const std::pair<conversion_problem::outcome, const char*> kinds[] = {
      {conversion_problem::picture_left_out, "pictures left out"},
      {conversion_problem::box_left_out, "boxes left out"},
      {conversion_problem::repaired, "repaired"},
      {conversion_problem::guessed, "taken by a guess; see whether it is right"},
      {conversion_problem::not_read, "not read"}};
  std::string out;
  for (const auto& [kind, what] : kinds) {
    const std::size_t all = count(kind);
    if (all) out += str("  ", what, ": ", all, "\n");
    std::size_t shown = 0;
    for (const conversion_problem& problem : problems)
      if (problem.done == kind && shown++ < most) out += str("    ", problem.text, "\n");
    if (all > most) out += str("    ... and ", all - most, " more\n");
  }
  return out;
}

}  // namespace odt
