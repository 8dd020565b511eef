// SPDX-License-Identifier: MIT
// A detector in a few lines for people.
#pragma once

#include <odt/detector.hpp>

#include <string>

namespace odt {

/// The size of the network's input that the config asks for; where it depends on the image, that of a 4:3 photo.
size2 input_size(const settings& root);

/// Parts, parameters, anchors, multiply-adds and memory of a train step with that batch.
std::string describe_detector(const detector& model, const settings& root, int batch_size);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/describe.ipp>
#endif
