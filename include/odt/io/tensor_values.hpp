// SPDX-License-Identifier: MIT
// The values of a checkpoint's tensors as numbers, whatever their type.
#pragma once

#include <odt/io/checkpoint.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace odt {

/// Whether a type is one of floating-point numbers, 16 to 64 bits wide.
bool is_floating(element_type type);

/// The values of stored bytes; an error for strings and types that are not listed.
std::vector<double> to_doubles(element_type type, std::span<const std::byte> bytes);

/// The values of a tensor.
std::vector<double> read_doubles(const checkpoint_reader& from, const tensor_info& tensor);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/tensor_values.ipp>
#endif
