// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/roofline.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>

namespace odt {

ODT_INLINE std::string short_layer_name(std::string_view name) {
  constexpr std::string_view extractor = "FeatureExtractor/";
  if (name.starts_with(extractor)) {
    name.remove_prefix(extractor.size());
    for (int scopes = 0; scopes < 2; ++scopes) {
      const std::size_t slash = name.find('/');
      if (slash != std::string_view::npos && name.find('/', slash + 1) != std::string_view::npos)
        name.remove_prefix(slash + 1);
    }
  }
  return std::string(name.substr(0, name.rfind('/')));
}

ODT_INLINE std::vector<operation_time> totals_by_kind(std::span<const operation_time> operations) {
  std::vector<operation_time> totals;
  for (const operation_time& o : operations) {
    auto same = std::ranges::find(totals, o.operation, &operation_time::operation);
    if (same == totals.end()) same = totals.insert(totals.end(), {{}, o.operation});
    same->seconds += o.seconds, same->flops += o.flops, same->bytes += o.bytes;
  }
  return totals;
}

ODT_INLINE void sort_by_lost_time(std::vector<operation_time>& operations, const machine_ceilings& most) {
  std::ranges::stable_sort(operations, std::ranges::greater{},
                           [&most](const operation_time& o) { return lost_seconds(o, most); });
}

ODT_INLINE std::string roofline_table(std::span<const operation_time> operations, const machine_ceilings& most) {
  std::string text = "      ms     lost   GFLOP/s    GB/s  % of ceiling  operation        layer\n";
  for (const operation_time& o : operations) {
    const double share = o.seconds > 0 ? roofline_seconds(o, most) / o.seconds : 0;
    const auto column = [](const std::string& number, std::size_t width) { return padded(number, width, true); };
    text += str(column(fixed(o.seconds * 1e3, 3), 8), " ", column(fixed(lost_seconds(o, most) * 1e3, 3), 8),
                column(fixed(o.flops / o.seconds * 1e-9, 1), 10), column(fixed(o.bytes / o.seconds * 1e-9, 1), 8),
                column(o.bytes > 0 ? fixed(100 * share, 0) : "-", 14), "  ",
                o.layer.empty() ? o.operation : str(padded(o.operation, 15), "  ", o.layer), "\n");
  }
  return text;
}

}  // namespace odt
