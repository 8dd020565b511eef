// SPDX-License-Identifier: MIT
// The metric sets that eval_config.metrics_set chooses from.
#pragma once

#include <odt/metric.hpp>
#include <odt/metrics/coco.hpp>
#include <odt/metrics/pascal_voc.hpp>

namespace odt {

/// The metric sets of the given names (coco_detection_metrics when there are none); others are refused by name.
inline std::vector<std::unique_ptr<metric>> make_metrics(std::span<const std::string> names,
                                                         const metric_settings& settings) {
  return choose_metrics<coco_detection_metrics, coco_mask_metrics, pascal_voc_detection_metrics,
                        weighted_pascal_voc_detection_metrics, pascal_voc_instance_segmentation_metrics,
                        weighted_pascal_voc_instance_segmentation_metrics>(names, settings);
}

/// Whether the metric set of that name compares masks.
inline bool compares_masks(std::string_view name) {
  return name == coco_mask_metrics::name || name == pascal_voc_instance_segmentation_metrics::name ||
         name == weighted_pascal_voc_instance_segmentation_metrics::name;
}

}  // namespace odt
