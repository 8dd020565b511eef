// SPDX-License-Identifier: MIT
// Where a checkpoint lies: which one a path stands for, and its files, also those within an archive.
#pragma once

#include <odt/io/checkpoint_format.hpp>
#include <odt/io/file.hpp>

#include <map>
#include <memory>
#include <string>

namespace odt {

/// The checkpoint that a path stands for: the prefix of a V2 checkpoint, a V1 file, an archive with one of these, a
/// PyTorch file, a .safetensors or a frozen graph (.pb). The path is that itself, one of its files, or a directory's
/// (or its file `checkpoint`'s) newest; also the only one of a directory without that file, and the frozen graph of one
/// without any: of an export, or a saved model.
std::string checkpoint_prefix(const std::string& path);

/// Whether a file is a checkpoint as such: all but a V2's.
bool is_checkpoint_file(const std::string& path);

namespace detail {

/// The files of one checkpoint, each found by what follows its prefix: ".index".
class checkpoint_files {
 public:
  /// What checkpoint_prefix says; an archive's are taken out of it.
  explicit checkpoint_files(const std::string& prefix);

  /// As messages call it: "model/model.ckpt-60", "zoo.tar.gz: zoo/model.ckpt".
  const std::string& prefix() const { return prefix_; }
  /// The path of the file that lists the tensors, or of the archive.
  const std::string& path() const { return path_; }
  checkpoint_format format() const { return format_; }

  bool has(const std::string& ending) const;
  std::shared_ptr<const input_file> open(const std::string& ending) const;

 private:
  void take_out(const std::string& archive);

  std::string prefix_, path_;
  std::map<std::string, std::shared_ptr<const input_file>> members_;  // of an archive
  checkpoint_format format_ = checkpoint_format::tensor_bundle;
};

}  // namespace detail

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/checkpoint_files.ipp>
#endif
