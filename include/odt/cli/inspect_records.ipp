// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/inspect.hpp>
#include <odt/core/error.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/io/example.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/tfrecord.hpp>

#include <algorithm>
#include <map>

namespace odt {

namespace detail::records_inspection {

/// Of all examples of a file.
struct totals {
  std::int64_t images = 0, boxes = 0, empty = 0, bytes = 0;
  int low_height = 1 << 30, high_height = 0, low_width = 1 << 30, high_width = 0;
  std::map<std::string, std::int64_t> classes, formats;
  std::vector<std::string> problems;
  std::int64_t problem_count = 0;
};

ODT_INLINE void note(totals& t, std::string problem) {
  ++t.problem_count;
  if (t.problems.size() < 20) t.problems.push_back(std::move(problem));
}

ODT_INLINE std::string class_name(const labelled_object& object) {
  if (object.text.empty()) return str("class ", object.label);
  return object.label == 0 ? object.text : str(object.text, " (", object.label, ")");
}

ODT_INLINE void add(totals& t, const example& e, const std::string& place) {
  ++t.images;
  t.boxes += std::ssize(e.objects);
  t.empty += e.objects.empty();
  t.bytes += std::ssize(e.encoded);
  for (const labelled_object& object : e.objects) ++t.classes[class_name(object)];
  size2 size{e.height, e.width};
  try {
    const image_info info = read_image_info(e.encoded, place);
    ++t.formats[std::string(format_name(info.format))];
    size = info.size();
    if (e.height != 0 && e.width != 0 && size2{e.height, e.width} != size)
      note(t, str(place, ": image/width and image/height say ", e.width, " x ", e.height, ", the image has ",
                  size.width, " x ", size.height));
  } catch (const error& wrong) {
    note(t, wrong.what());
  }
  t.low_height = std::min(t.low_height, size.height);
  t.high_height = std::max(t.high_height, size.height);
  t.low_width = std::min(t.low_width, size.width);
  t.high_width = std::max(t.high_width, size.width);
  for (const std::string& problem : e.problems) note(t, str(place, ": ", problem));
  for (const std::string& problem : to_labels(e, {}, size).problems) note(t, str(place, ": ", problem));
}

ODT_INLINE std::string describe(const example& e, std::int64_t number) {
  std::string text =
      str("example ", number, ": ", e.name("(no name)"), ", ", e.format, " ", e.width, " x ", e.height, ", ",
          human_bytes(std::ssize(e.encoded)), ", ", e.objects.size(), e.objects.size() == 1 ? " box\n" : " boxes\n");
  for (std::size_t i = 0; i < std::min<std::size_t>(5, e.objects.size()); ++i) {
    const labelled_object& o = e.objects[i];
    text += str("    ", class_name(o), ": y ", fixed(o.bounds.ymin, 4), " to ", fixed(o.bounds.ymax, 4), ", x ",
                fixed(o.bounds.xmin, 4), " to ", fixed(o.bounds.xmax, 4), o.difficult ? ", difficult" : "",
                o.crowd ? ", crowd" : "", o.group_of ? ", group" : "", "\n");
  }
  if (e.objects.size() > 5) text += str("    and ", e.objects.size() - 5, " more\n");
  return text;
}

ODT_INLINE std::string range(int low, int high) { return low == high ? str(low) : str(low, "-", high); }

ODT_INLINE std::string summary(const totals& t, const std::string& path) {
  std::string text = str("records ", path, ": ", counted(t.images, "image"), " (", human_bytes(t.bytes));
  for (const auto& [format, n] : t.formats) text += str(", ", n, " ", format);
  text += str("), ", range(t.low_width, t.high_width), " wide, ", range(t.low_height, t.high_height), " high\n",
              grouped(t.boxes), t.boxes == 1 ? " box, " : " boxes, ",
              fixed(static_cast<double>(t.boxes) / static_cast<double>(t.images), 1), " an image; ", t.empty,
              t.empty == 1 ? " image has none\n" : " images have none\n");
  for (const auto& [name, n] : t.classes) text += str(padded(grouped(n), 10, true), "  ", name, "\n");
  return text;
}

}  // namespace detail::records_inspection

ODT_INLINE std::string inspect_records(const std::string& path) {
  namespace d = detail::records_inspection;
  record_reader reader(path);
  d::totals totals;
  std::string first, bytes;
  while (reader.next(bytes)) {
    const example e = parse_example(bytes, reader.place());
    if (totals.images < 3) first += d::describe(e, totals.images);
    d::add(totals, e, reader.place());
  }
  if (totals.images == 0) fail(path, ": the file has no records");
  std::string text = d::summary(totals, path) + first;
  for (const std::string& problem : totals.problems) text += str("problem: ", problem, "\n");
  const auto shown = std::ssize(totals.problems);
  if (totals.problem_count > shown) text += str("and ", totals.problem_count - shown, " problems more\n");
  return text;
}

}  // namespace odt
