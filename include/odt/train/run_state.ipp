// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/log.hpp>
#include <odt/train/run_state.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <span>

namespace odt {

namespace detail::run_tensors {

inline constexpr std::string_view seed = "odt/seed", samples = "odt/samples_seen", data = "odt/data_fingerprint",
                                  contents = "odt/data_contents", config = "odt/pipeline_config",
                                  labels = "odt/label_map", seconds = "odt/seconds";

ODT_INLINE std::uint64_t read_word(const checkpoint_reader& reader, std::string_view name) {
  if (!reader.find(name)) return 0;
  const auto values = reader.read<std::int64_t>(name);
  if (values.size() != 1) fail(reader.prefix(), ": ", name, " has ", values.size(), " values instead of one");
  return std::bit_cast<std::uint64_t>(values[0]);
}

ODT_INLINE void write_text(checkpoint_writer& writer, std::string_view name, const std::string& text) {
  const std::array<std::int64_t, 1> shape{static_cast<std::int64_t>(text.size())};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  writer.add<std::uint8_t>(std::string(name), shape, std::span(bytes, text.size()));
}

ODT_INLINE std::string read_text(const checkpoint_reader& reader, std::string_view name) {
  if (!reader.find(name)) return {};
  const auto bytes = reader.read<std::uint8_t>(name);
  return {bytes.begin(), bytes.end()};
}

/// What records call the class.
ODT_INLINE std::string name_of(const label_map& map, int id) {
  const label_map_item* item = map.find(id);
  if (!item) return {};
  return item->name.empty() ? item->display_name : item->name;
}

}  // namespace detail::run_tensors

ODT_INLINE void write_run_state(checkpoint_writer& writer, const run_state& state) {
  namespace names = detail::run_tensors;
  const auto add = [&writer](std::string_view name, std::uint64_t value) {
    writer.add<std::int64_t>(std::string(name), std::bit_cast<std::int64_t>(value));
  };
  if (state.data_contents != 0) add(names::contents, state.data_contents);
  add(names::data, state.data_fingerprint);
  if (!state.labels.empty()) names::write_text(writer, names::labels, state.labels.text());
  names::write_text(writer, names::config, state.config);
  add(names::samples, state.samples_seen);
  if (state.seconds > 0) writer.add(std::string(names::seconds), state.seconds);
  add(names::seed, state.seed);
}

ODT_INLINE std::optional<run_state> read_run_state(const checkpoint_reader& reader) {
  namespace names = detail::run_tensors;
  if (!reader.find(names::samples)) return {};
  run_state state;
  state.seed = names::read_word(reader, names::seed);
  state.samples_seen = names::read_word(reader, names::samples);
  state.data_fingerprint = names::read_word(reader, names::data);
  state.data_contents = names::read_word(reader, names::contents);
  state.config = names::read_text(reader, names::config);
  state.labels = read_labels(reader);
  if (reader.find(names::seconds)) state.seconds = reader.read<double>(names::seconds).at(0);
  return state;
}

ODT_INLINE label_map read_labels(const checkpoint_reader& reader) {
  namespace names = detail::run_tensors;
  if (!reader.find(names::labels)) return {};
  return label_map::parse(names::read_text(reader, names::labels), str(reader.prefix(), ": ", names::labels));
}

ODT_INLINE std::vector<std::string> label_changes(const label_map& before, const label_map& now) {
  namespace names = detail::run_tensors;
  std::vector<std::string> changes;
  for (int id = 1; id <= std::max(before.max_id(), now.max_id()); ++id) {
    const std::string was = names::name_of(before, id), is = names::name_of(now, id);
    if (was == is) continue;
    if (was.empty())
      changes.push_back(str("class ", id, " is new: ", is));
    else
      changes.push_back(str("class ", id, " was ", was, is.empty() ? " and is gone" : str(" and is ", is, " now")));
  }
  return changes;
}

ODT_INLINE bool labels_moved(const label_map& before, const label_map& now) {
  return std::ranges::any_of(before.items(), [&now](const label_map_item& item) {
    const auto id = now.id(item.name.empty() ? item.display_name : item.name);
    return id && *id != item.id;
  });
}

ODT_INLINE void warn_of_labels(const std::string& prefix, const label_map& trained, const label_map& now) {
  for (const std::string& change : label_changes(trained, now))
    warn(prefix, ": the label map is not the one that it was trained with: ", change);
}

}  // namespace odt
