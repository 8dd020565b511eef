// SPDX-License-Identifier: MIT
// Detectors by the names that people know.
#pragma once

#include <odt/ssd.hpp>

namespace odt::presets {

/// MobileNet v1 (Howard et al., arXiv:1704.04861) under an SSD. Matcher, optimizer and losses are chosen by the config.
using ssd_mobilenet_v1 = ssd<mobilenet_v1>;

/// Inception v2 (Ioffe and Szegedy, arXiv:1502.03167) under an SSD.
using ssd_inception_v2 = ssd<inception_v2>;

}  // namespace odt::presets
