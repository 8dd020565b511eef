// SPDX-License-Identifier: MIT
// A detector in a few lines for people.
#pragma once

#include <odt/detector.hpp>

#include <string>

namespace odt {

/// Parts, parameters, anchors, multiply-adds and memory of a train step with that batch. Where the size of the
/// network's input depends on the image, that of a photo of 3:4 is taken. Lines are broken at that many columns; 0:
/// not.
std::string describe_detector(const detector& model, int batch_size, std::size_t columns = 0);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/describe.ipp>
#endif
