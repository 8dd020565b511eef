// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/inspect.hpp>
#include <odt/core/error.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/crc32c.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/label_map.hpp>
#include <odt/io/text_file.hpp>
#include <odt/io/tfrecord.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string_view>

namespace odt {

namespace detail::file_inspection {

ODT_INLINE std::string first_bytes(const std::string& path) {
  const input_file file(path);
  std::array<char, 4096> buffer{};
  return {buffer.data(), file.read_some_at(0, buffer)};
}

ODT_INLINE bool is_text(std::string_view bytes) {
  return std::ranges::none_of(bytes, [](unsigned char c) { return c < 32 && !std::isspace(c); });
}

/// Whether some line of a protobuf text begins with the field.
ODT_INLINE bool has_field(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const std::size_t line = text.rfind('\n', at) + 1;  // npos + 1 is 0
    const std::string_view before = text.substr(line, at - line), after = text.substr(at + name.size());
    const bool first = std::ranges::all_of(before, [](unsigned char c) { return std::isspace(c); });
    if (first && (after.empty() || !(std::isalnum(static_cast<unsigned char>(after[0])) || after[0] == '_')))
      return true;
  }
  return false;
}

ODT_INLINE bool looks_like_record(std::string_view bytes) {
  if (bytes.size() < 12) return false;
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < 4; ++i) stored |= std::uint32_t{static_cast<unsigned char>(bytes[8 + i])} << (8 * i);
  return masked_crc32c(bytes.substr(0, 8)) == stored;
}

ODT_INLINE bool is_compressed(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b") ||
         (bytes.size() > 1 && bytes[0] == 0x78 &&
          (bytes[1] == 0x01 || bytes[1] == '\x9c' || bytes[1] == '\xda' || bytes[1] == 0x5e));
}

ODT_INLINE bool has_event_files(const std::string& directory) {
  return !matching_files(join_path(glob_of(directory), "*tfevents*")).empty();
}

}  // namespace detail::file_inspection

ODT_INLINE file_kind kind_of_file(const std::string& path) {
  namespace d = detail::file_inspection;
  if (is_directory(path)) {
    if (file_exists(join_path(path, "checkpoint"))) return file_kind::checkpoint;
    if (d::has_event_files(path)) return file_kind::events;
    if (!matching_files(join_path(glob_of(path), "*.ckpt*")).empty()) return file_kind::checkpoint;
    fail(path, ": this directory has neither a checkpoint nor event files; give one of its files");
  }
  if (!file_exists(path)) {
    if (file_exists(path + ".index")) return file_kind::checkpoint;
    fail(path, ": there is no such file");
  }
  const std::string name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  if (name.find("tfevents") != std::string::npos) return file_kind::events;
  if (name == "checkpoint" || name.ends_with(".index") || name.find(".data-0") != std::string::npos)
    return file_kind::checkpoint;
  const std::string bytes = d::first_bytes(path);
  if (bytes.empty()) fail(path, ": the file is empty");
  if (image_format_of(bytes)) return file_kind::picture;
  if (is_checkpoint_file(path)) return file_kind::checkpoint;
  if (d::looks_like_record(bytes)) return bytes.find("brain.Event") < 40 ? file_kind::events : file_kind::records;
  if (d::is_compressed(bytes) || name.find("record") != std::string::npos) return file_kind::records;
  if (d::is_text(bytes)) {
    if (d::has_field(bytes, "item")) return file_kind::label_map;
    for (const std::string_view field : {"model", "train_config", "train_input_reader", "eval_config"})
      if (d::has_field(bytes, field)) return file_kind::config;
  }
  // Their readers know what else it may be.
  if (name.ends_with(".config")) return file_kind::config;
  if (name.ends_with(".pbtxt") || name.ends_with(".names") || name == "classes.txt") return file_kind::label_map;
  if (const std::string_view what = mistaken_content(bytes); !what.empty()) fail(path, ": ", what);
  fail(path, ": this is no record file, checkpoint, event file, label map, pipeline.config or image");
}

ODT_INLINE std::string inspect_label_map(const std::string& path) {
  const label_map map = label_map::read(path);
  std::string text = str("label map ", path, ": ", map.size(), map.size() == 1 ? " class\n" : " classes\n");
  for (const label_map_item& item : map.items())
    text +=
        str(padded(std::to_string(item.id), 6, true), "  ", item.name,
            item.display_name.empty() || item.display_name == item.name ? "" : "  (" + item.display_name + ")", "\n");
  if (!map.gaps().empty()) text += str("  no class has the ids ", join(map.gaps(), ", "), "\n");
  return text;
}

ODT_INLINE std::string inspect(const std::string& path, std::span<const detector_type> detectors, bool tensors) {
  switch (kind_of_file(path)) {
    case file_kind::records:
      return inspect_records(path);
    case file_kind::checkpoint:
      return inspect_checkpoint(path, tensors);
    case file_kind::events:
      return inspect_events(path);
    case file_kind::label_map:
      return inspect_label_map(path);
    case file_kind::config:
      return inspect_config(path, detectors);
    case file_kind::picture:
      break;
  }
  const std::string bytes = read_file(path);
  const image_info info = read_image_info(bytes, path);
  decode_image(bytes, path);
  return str(format_name(info.format), " image ", path, ": ", info.width, " x ", info.height, " pixels, ",
             info.channels, " channels, ", info.bits, " bits",
             info.orientation == 1 ? "" : str(", EXIF orientation ", info.orientation), ", ",
             human_bytes(static_cast<std::int64_t>(bytes.size())), "\n");
}

}  // namespace odt
