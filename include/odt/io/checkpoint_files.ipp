// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/io/archive.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/little_endian.ipp>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace odt {

namespace detail::checkpoint_place {

/// Whether a file ends as LevelDB's tables do, which an index and a V1 checkpoint are.
ODT_INLINE bool is_table(const input_file& file) {
  std::array<char, 8> end{};
  const std::uint64_t size = file.size();
  if (size < 48) return false;
  file.read_at(size - end.size(), end);
  return std::string_view(end.data(), end.size()) == "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
}

ODT_INLINE bool is_v1(const std::string& path) {
  return !path.ends_with(".index") && file_exists(path) && is_table(input_file(path));
}

/// The format of a frozen graph, by its name, or of a file with weights of PyTorch's world, by its first bytes; nothing
/// for other files.
ODT_INLINE std::optional<checkpoint_format> weights_format(const std::string& path) {
  if (!file_exists(path) || is_directory(path)) return std::nullopt;
  if (path.ends_with(".pb")) return checkpoint_format::frozen_graph;
  const input_file file(path);
  std::array<char, 16> bytes{};
  const std::string_view start(bytes.data(), file.read_some_at(0, bytes));
  if (start.starts_with("PK\3\4") || start.starts_with(torch_magic)) return checkpoint_format::torch;
  if (start.size() > 8 && start[8] == '{' && u64(start, 0) <= most_header_bytes) return checkpoint_format::safetensors;
  return std::nullopt;
}

/// A path without what follows the prefix of a checkpoint.
ODT_INLINE std::string without_ending(const std::string& path) {
  for (const std::string_view ending : {".index", ".meta"})
    if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  return path.substr(0, path.rfind(".data-0"));
}

/// The checkpoints of a directory whose file "checkpoint" names none.
ODT_INLINE std::vector<std::string> unnamed_checkpoints(const std::string& directory) {
  std::vector<std::string> found;
  for (const std::string& path : matching_files(join_path(glob_of(directory), "*"))) {
    if (path.ends_with(".index")) found.push_back(without_ending(path));
    if (path.find(".ckpt") != path.npos && is_v1(path)) found.push_back(path);
  }
  std::ranges::sort(found);
  return found;
}

ODT_INLINE std::string in_directory(const std::string& directory) {
  if (const auto newest = find_checkpoint(directory)) {
    if (!newest->remark.empty()) warn(newest->remark);
    return newest->prefix;
  }
  if (const auto state = read_checkpoint_state(directory); state && !state->newest.empty())
    for (const std::string& name : {state->newest.substr(state->newest.rfind('/') + 1), state->newest})
      if (is_v1(join_path(directory, name))) return join_path(directory, name);
  const auto found = unnamed_checkpoints(directory);
  if (found.size() == 1) return found.front();
  for (const std::string_view graph : {"frozen_inference_graph.pb", "saved_model.pb", "saved_model/saved_model.pb"})
    if (std::string path = join_path(directory, graph); found.empty() && file_exists(path)) return path;
  if (found.empty()) fail(directory, ": no checkpoint here (a file named checkpoint, and model.ckpt-N.index)");
  fail(directory, ": there are ", found.size(),
       " checkpoints here, and no file named checkpoint says which: ", join(found, ", "));
}

/// The one member that lists a checkpoint's tensors.
ODT_INLINE std::string list_among(const std::vector<archive_member>& members, const std::string& archive) {
  std::vector<std::string> lists;
  for (const archive_member& member : members)
    if (is_table(member.content)) lists.push_back(member.name);
  if (lists.empty())
    fail(archive, ": no checkpoint in this archive: neither a model.ckpt.index nor a V1 file (model.ckpt)");
  if (lists.size() > 1)
    fail(archive, ": there are ", lists.size(), " checkpoints in this archive: ", join(lists, ", "),
         "; unpack it and name one of them");
  return lists.front();
}

/// Whether an archive's file may be part of a checkpoint.
ODT_INLINE bool may_belong(std::string_view name) {
  name = name.substr(name.rfind('/') + 1);
  return !name.starts_with("._") && !name.ends_with(".meta") &&
         (name.ends_with(".index") || name.find(".data-") != name.npos || name.find(".ckpt") != name.npos);
}

}  // namespace detail::checkpoint_place

ODT_INLINE bool is_checkpoint_file(const std::string& path) {
  namespace d = detail::checkpoint_place;
  return d::is_v1(path) || d::weights_format(path) || is_archive(path);
}

ODT_INLINE std::string checkpoint_prefix(const std::string& path) {
  namespace d = detail::checkpoint_place;
  if (is_directory(path)) return d::in_directory(path);
  std::string prefix = d::without_ending(path);
  if (file_exists(prefix + ".index") || d::is_v1(prefix)) return prefix;
  if (path == "checkpoint" || path.ends_with("/checkpoint")) return checkpoint_prefix(directory_of(path));
  if (file_exists(path)) {
    if (is_checkpoint_file(path)) return path;
    fail(path, ": is no checkpoint: there is no ", prefix, ".index, and the file is neither a V1 checkpoint, a ",
         ".tar.gz, a PyTorch file (of torch.save), a .safetensors nor a frozen graph (.pb)");
  }
  if (path.ends_with(".tar.gz") || path.ends_with(".tgz")) fail(path, ": there is no such file");
  fail(path, ": no checkpoint here: there is no ", prefix,
       ".index; give the path without its ending (model.ckpt-1000), the directory, a V1 file, a .tar.gz, a PyTorch "
       "file, a .safetensors or a frozen graph (.pb)");
}

namespace detail {

ODT_INLINE checkpoint_files::checkpoint_files(const std::string& prefix) : prefix_(prefix), path_(prefix + ".index") {
  if (file_exists(path_)) return;
  path_ = prefix;
  if (const auto weights = checkpoint_place::weights_format(prefix))
    format_ = *weights;
  else if (is_archive(prefix))
    take_out(prefix);
  else
    format_ = checkpoint_format::slice_table;
}

ODT_INLINE void checkpoint_files::take_out(const std::string& archive) {
  namespace d = checkpoint_place;
  auto members = extract(archive, d::may_belong);
  const std::string list = d::list_among(members, archive);
  const bool is_table = !list.ends_with(".index");
  if (is_table) format_ = checkpoint_format::slice_table;
  const std::string prefix = is_table ? list : d::without_ending(list);
  prefix_ = member_name(archive, prefix);
  for (archive_member& member : members)
    if (member.name.starts_with(prefix))
      members_.emplace(member.name.substr(prefix.size()),
                       std::make_shared<const input_file>(std::move(member.content)));
}

ODT_INLINE bool checkpoint_files::has(const std::string& ending) const {
  return members_.empty() ? file_exists(prefix_ + ending) : members_.contains(ending);
}

ODT_INLINE std::shared_ptr<const input_file> checkpoint_files::open(const std::string& ending) const {
  if (members_.empty()) return std::make_shared<const input_file>(prefix_ + ending);
  const auto found = members_.find(ending);
  if (found == members_.end()) fail(prefix_, ending, ": there is no such file in the archive");
  return found->second;
}

}  // namespace detail

}  // namespace odt
