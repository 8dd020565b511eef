// SPDX-License-Identifier: MIT
// Labels that a detector disagrees with: where a person may have made a mistake.
#pragma once

#include <odt/dataset/annotation.hpp>
#include <odt/label/suggestions.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt::labelling {

enum class doubt_kind : std::uint8_t {
  missing,      ///< the detector finds an object that nobody has labelled
  other_class,  ///< it finds another class there
  misplaced,    ///< it finds the object, but not just there
  not_found     ///< it finds nothing where a label is
};

std::string_view name_of(doubt_kind kind);

/// One label, or one that is missing, that may be wrong.
struct doubt {
  doubt_kind kind = doubt_kind::missing;
  double weight = 0;     ///< 0 to 1: how much speaks for a mistake
  pixel_box bounds;      ///< of the label; where it is missing, of what was found
  std::string labelled;  ///< class; empty where it is missing
  std::string found;     ///< class; empty where nothing was found
};

/// By falling weight. Labels that are difficult are not doubted for not being found.
std::vector<doubt> doubts_about(std::span<const annotated_object> labels, std::span<const suggestion> found);

}  // namespace odt::labelling

#if defined(ODT_HEADER_ONLY)
#include <odt/label/review.ipp>
#endif
