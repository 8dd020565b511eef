// SPDX-License-Identifier: MIT
// What `odt checkpoint` does with checkpoints of all formats.
#pragma once

#include <odt/io/checkpoint.hpp>

#include <optional>
#include <string>
#include <vector>

namespace odt {

/// Under which names the tensors of a PyTorch file are seen: its own, or those of the API (io/torchvision.hpp). Other
/// checkpoints have but one kind.
enum class tensor_naming { stored, api };

/// A checkpoint under such names. `epsilon`: of the batch norms of the network that it is for (tensor_naming::api);
/// when not given, that of slim's.
checkpoint_reader open_checkpoint(const std::string& path, tensor_naming names,
                                  std::optional<double> epsilon = std::nullopt);

/// Name, type, shape, bytes and statistics of each tensor, for people.
std::string list_tensors(const checkpoint_reader& checkpoint);

/// The same as JSON.
std::string list_tensors_json(const checkpoint_reader& checkpoint);

/// How two checkpoints differ, for people.
struct checkpoint_difference {
  std::string text;
  bool equal = true;
};

/// Tensors that one of them lacks, those of other types or shapes, and of the others the largest difference. Numbers
/// that differ by no more than `tolerance` are equal; NaN equals NaN.
checkpoint_difference compare_checkpoints(const checkpoint_reader& a, const checkpoint_reader& b, double tolerance = 0);

/// Writes a checkpoint as another: as .safetensors where `output` ends so, else as TensorFlow's V2 with that prefix.
void convert_checkpoint(const checkpoint_reader& from, const std::string& output);

/// The `last` newest checkpoints of a directory, by their steps, the newest last.
std::vector<std::string> newest_checkpoints(const std::string& directory, int last);

/// Writes a V2 checkpoint of the means of several of the same detector: floating-point tensors are averaged in double;
/// what else there is, global_step and odt/... among it, is that of the most steps. Which of these was the best
/// (odt/best/...) is left out.
void average_checkpoints(const std::vector<std::string>& paths, const std::string& output);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/cli/checkpoint_average.ipp>
#include <odt/cli/checkpoint_convert.ipp>
#include <odt/cli/checkpoint_diff.ipp>
#include <odt/cli/checkpoint_list.ipp>
#endif
