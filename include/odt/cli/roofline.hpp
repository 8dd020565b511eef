// SPDX-License-Identifier: MIT
// The operations of a step against the machine's ceilings (Williams et al., Roofline, 2009), as tables and as a
// picture.
#pragma once

#include <odt/detector.hpp>
#include <odt/train/benchmark.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// What an operation would take if the ceilings were all that held it back.
inline double roofline_seconds(const operation_time& o, const machine_ceilings& most) {
  return std::max(o.flops / most.flops, o.bytes / most.bytes);
}

/// Seconds beyond that. Negative where caches give more than memory does.
inline double lost_seconds(const operation_time& o, const machine_ceilings& most) {
  return o.seconds - roofline_seconds(o, most);
}

/// "FeatureExtractor/MobilenetV1/MobilenetV1/Conv2d_1_depthwise/depthwise" is "Conv2d_1_depthwise".
std::string short_layer_name(std::string_view name);

/// Sums over the operations of the same kind, without layers; in the order of their first ones.
std::vector<operation_time> totals_by_kind(std::span<const operation_time> operations);

/// In the order of the time that each loses, the largest first.
void sort_by_lost_time(std::vector<operation_time>& operations, const machine_ceilings& most);

/// One line an operation: time, lost time, rates, share of the ceiling.
std::string roofline_table(std::span<const operation_time> operations, const machine_ceilings& most);

/// An SVG picture: intensity against GFLOP/s, both logarithmic, the ceilings, and one dot an operation, the larger the
/// longer it takes. The operations that lose most are labelled.
std::string roofline_svg(std::span<const operation_time> operations, const machine_ceilings& most,
                         std::string_view title);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/cli/roofline.ipp>
#include <odt/cli/roofline_svg.ipp>
#endif
