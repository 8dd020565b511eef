// SPDX-License-Identifier: MIT
// The version of odt; CMakeLists.txt reads it here.
#pragma once

#define ODT_VERSION "0.2.0"
