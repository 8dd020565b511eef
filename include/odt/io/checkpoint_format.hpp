// SPDX-License-Identifier: MIT
// The formats of checkpoints, and how files of one are known.
#pragma once

#include <cstdint>
#include <string_view>

namespace odt {

/// Whose a checkpoint is.
enum class checkpoint_format {
  tensor_bundle,  ///< TensorFlow's V2
  slice_table,    ///< TensorFlow's V1
  torch,          ///< torch.save of tensors in dictionaries
  safetensors,
  frozen_graph  ///< TensorFlow's graph with the variables as constants
};

namespace detail {

/// How PyTorch's files of before 1.6 begin: a pickle of their magic number.
inline constexpr std::string_view torch_magic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);

/// Of a .safetensors, as the format says.
inline constexpr std::uint64_t most_header_bytes = 100000000;

}  // namespace detail

}  // namespace odt
