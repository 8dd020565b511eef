// SPDX-License-Identifier: MIT
// Tensors as .safetensors (huggingface/safetensors, format 0.4): any checkpoint can be written as one;
// checkpoint_reader reads them.
#pragma once

#include <odt/io/checkpoint.hpp>

#include <string>

namespace odt {

/// Writes all tensors of a checkpoint, with their names and layouts, whole or not at all. Strings, which the format
/// does not have, are an error.
void write_safetensors(const std::string& path, const checkpoint_reader& from);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/safetensors.ipp>
#endif
