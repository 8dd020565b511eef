// SPDX-License-Identifier: MIT
// For convert.ipp: labels that claim the same picture.
#pragma once

#include <odt/dataset/convert_report.hpp>
#include <odt/dataset/convert_sets.hpp>

#include <vector>

namespace odt::detail::convert {

/// Of several labels that claim one picture, all but the surest leave the sets; a picture in two sets is reported.
void settle_claims(std::vector<pending_set>& sets, convert_report& report);

}  // namespace odt::detail::convert

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/claims.ipp>
#endif
