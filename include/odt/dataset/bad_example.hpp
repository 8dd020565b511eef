// SPDX-License-Identifier: MIT
#pragma once

namespace odt {

/// What a picture, box or record that cannot be used does: end the work, or be counted, listed and left out.
enum class bad_example { fail, skip };

}  // namespace odt
