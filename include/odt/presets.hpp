// SPDX-License-Identifier: MIT
// Detectors by the names that people know.
#pragma once

#include <odt/presets/faster_rcnn.hpp>
#include <odt/presets/ssd.hpp>
