// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
#include <odt/io/proto_text.ipp>
#include <odt/io/same_file.hpp>

#include <odt/checkpoint_state.pb.h>

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

namespace odt {

namespace detail::keeper {

ODT_INLINE std::string state_path(const std::string& directory) { return join_path(directory, "checkpoint"); }

ODT_INLINE double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// A path below the directory becomes relative to it, so that the directory can be moved.
ODT_INLINE std::string relative(const std::string& directory, const std::string& prefix) {
  const std::string below = join_path(directory, "");
  return prefix.starts_with(below) ? prefix.substr(below.size()) : prefix;
}

/// Index and data are there; the index is written last.
ODT_INLINE bool complete(const std::string& prefix) {
  return file_exists(prefix + ".index") && !matching_files(glob_of(prefix) + ".data-*").empty();
}

ODT_INLINE std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

ODT_INLINE bool leads_elsewhere(const std::string& directory, const std::string& path) {
  if (path.find('/') == std::string::npos) return false;
  return !same_file(directory_of(join_path(directory, path)), directory);
}

/// Where the checkpoint of a path in the state file lies; empty: it is not there, or not whole.
ODT_INLINE std::string look_up(const std::string& directory, const std::string& path) {
  for (const std::string& prefix : {join_path(directory, name_of(path)), join_path(directory, path)})
    if (complete(prefix)) return prefix;
  return {};
}

/// The one of the most steps among all whole ones that lie in the directory.
ODT_INLINE std::string most_steps(const std::string& directory) {
  std::string best;
  std::int64_t steps = -1;
  for (const std::string& index : matching_files(join_path(glob_of(directory), "*.index"))) {
    const std::string prefix = index.substr(0, index.size() - 6);
    const auto step = checkpoint_step(prefix);
    if (step && *step > steps && complete(prefix)) best = prefix, steps = *step;
  }
  return best;
}

inline constexpr std::string_view best_tensors = "odt/best/", best_data = "odt/best/data";

/// Copies a checkpoint, sharded or not, with a value and what it was measured on.
ODT_INLINE void copy_best(const std::string& from, const std::string& to, const std::string& name, double value,
                          std::uint64_t data) {
  const checkpoint_reader source(from);
  checkpoint_writer copy(to);
  for (const tensor_info& tensor : source.tensors())
    if (!tensor.name.starts_with(best_tensors)) copy.add_raw(tensor, source.read_raw(tensor));
  copy.add(name, value);
  if (data != 0) copy.add<std::int64_t>(std::string(best_data), std::bit_cast<std::int64_t>(data));
  copy.commit();
}

/// Whether the best of the directory was measured on something else.
ODT_INLINE bool is_of_other_data(const std::string& directory, std::uint64_t data) {
  const auto prefix = latest_checkpoint(directory);
  if (!prefix || data == 0) return false;
  const checkpoint_reader reader(*prefix);
  return reader.find(best_data) &&
         std::bit_cast<std::uint64_t>(reader.read<std::int64_t>(std::string(best_data)).at(0)) != data;
}

}  // namespace detail::keeper

ODT_INLINE std::optional<checkpoint_state> read_checkpoint_state(const std::string& directory) {
  const std::string path = detail::keeper::state_path(directory);
  if (!file_exists(path)) return std::nullopt;
  proto::CheckpointState message;
  google::protobuf::TextFormat::Parser parser;
  detail::proto_text::first_error error;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(read_file(path), &message))
    fail(path, ":", error.text,
         " This is not a checkpoint state; lines like model_checkpoint_path: \"model.ckpt-60\" are expected");
  checkpoint_state state;
  state.newest = message.model_checkpoint_path();
  state.all.assign(message.all_model_checkpoint_paths().begin(), message.all_model_checkpoint_paths().end());
  state.timestamps.assign(message.all_model_checkpoint_timestamps().begin(),
                          message.all_model_checkpoint_timestamps().end());
  state.last_preserved = message.last_preserved_timestamp();
  return state;
}

ODT_INLINE void write_checkpoint_state(const std::string& directory, const checkpoint_state& state) {
  proto::CheckpointState message;
  message.set_model_checkpoint_path(state.newest);
  for (const std::string& path : state.all) message.add_all_model_checkpoint_paths(path);
  for (const double time : state.timestamps) message.add_all_model_checkpoint_timestamps(time);
  if (state.last_preserved != 0) message.set_last_preserved_timestamp(state.last_preserved);
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  printer.SetUseShortRepeatedPrimitives(false);
  std::string text;
  printer.PrintToString(message, &text);
  write_file(detail::keeper::state_path(directory), text);
}

ODT_INLINE std::optional<found_checkpoint> find_checkpoint(const std::string& directory) {
  namespace d = detail::keeper;
  const checkpoint_state state = read_checkpoint_state(directory).value_or(checkpoint_state{});
  std::vector<std::string> names(state.all.rbegin(), state.all.rend());
  if (!state.newest.empty()) names.insert(names.begin(), state.newest);
  for (const std::string& name : names) {
    const std::string prefix = d::look_up(directory, name);
    if (prefix.empty()) continue;
    const std::string file = d::state_path(directory);
    if (name != state.newest)
      return found_checkpoint{prefix,
                              str(file, " names ", state.newest, ", which is not there; the newest that is: ", prefix)};
    if (d::leads_elsewhere(directory, name) && prefix == join_path(directory, d::name_of(name)))
      return found_checkpoint{
          prefix, str(file, " names ", name, "; the checkpoint of that name in its own folder is taken: ", prefix)};
    return found_checkpoint{prefix, {}};
  }
  const std::string prefix = d::most_steps(directory);
  if (prefix.empty()) {  // an index alone still lists its tensors
    const std::string alone = join_path(directory, state.newest);
    if (state.newest.empty() || !file_exists(alone + ".index")) return std::nullopt;
    return found_checkpoint{alone, {}};
  }
  const std::string why =
      names.empty() ? "does not name a checkpoint" : str("names ", state.newest, ", which is not there");
  return found_checkpoint{
      prefix, str(d::state_path(directory), file_exists(d::state_path(directory)) ? str(" ", why) : " is missing",
                  "; the checkpoint of the most steps in the folder is taken: ", prefix)};
}

ODT_INLINE int remove_headless_data(const std::string& directory) {
  namespace d = detail::keeper;
  const checkpoint_state state = read_checkpoint_state(directory).value_or(checkpoint_state{});
  int removed = 0;
  for (const std::string& data : matching_files(join_path(glob_of(directory), "*.data-*-of-*"))) {
    const std::string prefix = data.substr(0, data.rfind(".data-")), name = d::name_of(prefix);
    const auto is_named = [&name](const std::string& path) { return d::name_of(path) == name; };
    if (!checkpoint_step(prefix) || file_exists(prefix + ".index") || is_named(state.newest) ||
        std::ranges::any_of(state.all, is_named))
      continue;
    remove_file(data);
    ++removed;
  }
  return removed;
}

ODT_INLINE std::optional<std::string> latest_checkpoint(const std::string& directory) {
  auto found = find_checkpoint(directory);
  if (!found) return std::nullopt;
  return std::move(found->prefix);
}

ODT_INLINE std::optional<std::int64_t> checkpoint_step(std::string_view prefix) {
  const auto dash = prefix.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  std::int64_t step = 0;
  const char* const end = prefix.data() + prefix.size();
  const auto [stop, status] = std::from_chars(prefix.data() + dash + 1, end, step);
  if (status != std::errc{} || stop != end || step < 0) return std::nullopt;
  return step;
}

ODT_INLINE checkpoint_keeper::checkpoint_keeper(std::string directory, options how)
    : directory_(std::move(directory)), options_(std::move(how)) {
  make_directories(directory_);
  if (auto state = read_checkpoint_state(directory_)) state_ = std::move(*state);
  state_.timestamps.resize(state_.all.size());
  // What lies elsewhere is somebody else's, unless the directory was moved and it lies here too.
  for (std::size_t i = 0; i < state_.all.size();) {
    std::string& path = state_.all[i];
    if (detail::keeper::leads_elsewhere(directory_, path)) {
      path = detail::keeper::name_of(path);
      if (!detail::keeper::complete(join_path(directory_, path))) {
        state_.all.erase(state_.all.begin() + static_cast<std::ptrdiff_t>(i));
        state_.timestamps.erase(state_.timestamps.begin() + static_cast<std::ptrdiff_t>(i));
        continue;
      }
    }
    ++i;
  }
}

ODT_INLINE std::string checkpoint_keeper::prefix(std::int64_t step) const {
  return join_path(directory_, str("model.ckpt-", step));
}

ODT_INLINE void checkpoint_keeper::saved(const std::string& prefix) {
  saved(prefix, detail::keeper::seconds_since_1970());
}

ODT_INLINE void checkpoint_keeper::saved(const std::string& prefix, double now) {
  const std::string name = detail::keeper::relative(directory_, prefix);
  if (const auto at = std::ranges::find(state_.all, name); at != state_.all.end()) {
    state_.timestamps.erase(state_.timestamps.begin() + (at - state_.all.begin()));
    state_.all.erase(at);
  }
  if (state_.last_preserved == 0) state_.last_preserved = now;
  state_.newest = name;
  state_.all.push_back(name);
  state_.timestamps.push_back(now);
  std::vector<std::string> old;
  while (options_.keep > 0 && state_.all.size() > static_cast<std::size_t>(options_.keep)) {
    if (state_.timestamps.front() > state_.last_preserved + options_.every_n_hours * 3600)
      state_.last_preserved = state_.timestamps.front();
    else
      old.push_back(join_path(directory_, state_.all.front()));
    state_.all.erase(state_.all.begin());
    state_.timestamps.erase(state_.timestamps.begin());
  }
  write_checkpoint_state(directory_, state_);
  for (const std::string& path : old) remove_checkpoint(path);
}

ODT_INLINE bool measurement::says_something() const { return std::isfinite(value) && value >= 0; }

ODT_INLINE bool measurement::better_than(double other) const {
  return says_something() && (lower_is_better ? value < other : value > other);
}

ODT_INLINE bool checkpoint_keeper::offer_best(const std::string& prefix, const measurement& of) {
  namespace d = detail::keeper;
  if (!of.says_something()) return false;
  const std::string directory = join_path(directory_, options_.best_directory);
  const auto known = best(of.metric);
  if (known && d::is_of_other_data(directory, of.data))
    warn(directory, ": its best, ", of.metric, " = ", *known, ", was of other evaluation data; the best starts anew");
  else if (known && !of.better_than(*known))
    return false;
  make_directories(directory);
  const auto before = read_checkpoint_state(directory);
  const std::string name = prefix.substr(prefix.rfind('/') + 1);
  d::copy_best(prefix, join_path(directory, name), str(d::best_tensors, of.metric), of.value, of.data);
  checkpoint_state now;
  now.newest = name;
  now.all = {name};
  write_checkpoint_state(directory, now);
  if (before)
    for (const std::string& path : before->all)
      if (path != name && !d::leads_elsewhere(directory, path)) remove_checkpoint(join_path(directory, path));
  return true;
}

ODT_INLINE std::optional<double> checkpoint_keeper::best(const std::string& metric) const {
  const auto prefix = latest_checkpoint(join_path(directory_, options_.best_directory));
  if (!prefix) return std::nullopt;
  const checkpoint_reader reader(*prefix);
  const std::string name = str(detail::keeper::best_tensors, metric);
  if (!reader.find(name)) return std::nullopt;
  const measurement known{metric, reader.read<double>(name).at(0)};
  return known.says_something() ? std::optional(known.value) : std::nullopt;
}

ODT_INLINE std::vector<std::string> checkpoint_keeper::checkpoints() const {
  std::vector<std::string> prefixes;
  for (const std::string& name : state_.all) prefixes.push_back(join_path(directory_, name));
  return prefixes;
}

}  // namespace odt
