// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/checkpoint_tools.hpp>
#include <odt/core/target.hpp>
#include <odt/io/safetensors.hpp>
#include <odt/io/torchvision.hpp>

namespace odt {

ODT_INLINE checkpoint_reader open_checkpoint(const std::string& path, tensor_naming names,
                                             std::optional<double> epsilon) {
  checkpoint_reader checkpoint(path);
  if (names == tensor_naming::stored || !torchvision::is_torch(checkpoint)) return checkpoint;
  torchvision::destination to;
  if (epsilon) to.epsilon = [epsilon](const std::string&) { return *epsilon; };
  return torchvision::as_slim(checkpoint, to).weights;
}

ODT_INLINE void convert_checkpoint(const checkpoint_reader& from, const std::string& output) {
  if (output.ends_with(".safetensors")) return write_safetensors(output, from);
  checkpoint_writer writer(output);
  for (const tensor_info& tensor : from.tensors()) writer.add_raw(tensor, from.read_raw(tensor));
  writer.commit();
}

}  // namespace odt
