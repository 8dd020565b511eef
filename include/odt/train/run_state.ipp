// SPDX-License-Identifier: MIT
#pragma once

#include <odt/train/run_state.hpp>

#include <array>
#include <bit>
#include <span>

namespace odt {

namespace detail::run_tensors {

inline constexpr std::string_view seed = "odt/seed", samples = "odt/samples_seen", data = "odt/data_fingerprint",
                                  config = "odt/pipeline_config";

ODT_INLINE std::uint64_t read_word(const checkpoint_reader& reader, std::string_view name) {
  if (!reader.find(name)) return 0;
  const auto values = reader.read<std::int64_t>(name);
  if (values.size() != 1) fail(reader.prefix(), ": ", name, " has ", values.size(), " values instead of one");
  return std::bit_cast<std::uint64_t>(values[0]);
}

}  // namespace detail::run_tensors

ODT_INLINE void write_run_state(checkpoint_writer& writer, const run_state& state) {
  namespace names = detail::run_tensors;
  const auto add = [&writer](std::string_view name, std::uint64_t value) {
    writer.add<std::int64_t>(std::string(name), std::bit_cast<std::int64_t>(value));
  };
  add(names::data, state.data_fingerprint);
  const std::array<std::int64_t, 1> shape{static_cast<std::int64_t>(state.config.size())};
  const auto* text = reinterpret_cast<const std::uint8_t*>(state.config.data());
  writer.add<std::uint8_t>(std::string(names::config), shape, std::span(text, state.config.size()));
  add(names::samples, state.samples_seen);
  add(names::seed, state.seed);
}

ODT_INLINE std::optional<run_state> read_run_state(const checkpoint_reader& reader) {
  namespace names = detail::run_tensors;
  if (!reader.find(names::samples)) return {};
  run_state state;
  state.seed = names::read_word(reader, names::seed);
  state.samples_seen = names::read_word(reader, names::samples);
  state.data_fingerprint = names::read_word(reader, names::data);
  if (reader.find(names::config)) {
    const auto bytes = reader.read<std::uint8_t>(names::config);
    state.config.assign(bytes.begin(), bytes.end());
  }
  return state;
}

}  // namespace odt
