// SPDX-License-Identifier: MIT
// What follows of a detector from its network alone: sizes, work and memory.
#pragma once

#include <odt/core/image.hpp>
#include <odt/detector.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/variable_layout.hpp>

namespace odt {

/// For a batch of that many images of that size. `copies` counts the stores beside the variables: gradients, slots and
/// averages.
detector_description describe_network(const network& net, const variable_layout& layout, int copies, int batch,
                                      size2 size);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/detectors/describe.ipp>
#endif
