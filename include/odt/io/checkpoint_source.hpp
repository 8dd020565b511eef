// SPDX-License-Identifier: MIT
// What reads one format of checkpoints.
#pragma once

#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_files.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace odt::detail {

class checkpoint_source {
 public:
  virtual ~checkpoint_source() = default;
  /// Sorted by name.
  const std::vector<tensor_info>& tensors() const { return tensors_; }
  /// Whether the files with the values are there.
  virtual bool has_values() const = 0;
  /// Fills `out`, whose size is that of the tensor, and checks checksums.
  virtual void read(const tensor_info& tensor, std::span<std::byte> out) const = 0;

 protected:
  std::vector<tensor_info> tensors_;
};

/// V2: an index, and data files.
std::shared_ptr<const checkpoint_source> open_tensor_bundle(const checkpoint_files& files);

/// V1: one table of slices.
std::shared_ptr<const checkpoint_source> open_slice_table(const checkpoint_files& files);

/// PyTorch's files, of both forms.
std::shared_ptr<const checkpoint_source> open_torch_file(const checkpoint_files& files);

std::shared_ptr<const checkpoint_source> open_safetensors(const checkpoint_files& files);

/// A frozen_inference_graph.pb or saved_model.pb.
std::shared_ptr<const checkpoint_source> open_frozen_graph(const checkpoint_files& files);

/// What the format of the files asks for.
std::shared_ptr<const checkpoint_source> open_checkpoint(const checkpoint_files& files);

}  // namespace odt::detail

#if defined(ODT_HEADER_ONLY)
#include <odt/io/frozen_graph.ipp>
#include <odt/io/safetensors.ipp>
#include <odt/io/slice_table.ipp>
#include <odt/io/tensor_bundle.ipp>
#include <odt/io/torch_file.ipp>
#endif
