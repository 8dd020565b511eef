// SPDX-License-Identifier: MIT
// Two-stage detectors by the names that people know.
#pragma once

#include <odt/faster_rcnn.hpp>
#include <odt/feature_extractors/faster_rcnn_inception_resnet_v2.hpp>
#include <odt/feature_extractors/faster_rcnn_nas.hpp>

namespace odt::presets {

/// Every feature extractor that a detector of two stages can have.
using two_stage_feature_extractors = any_of<faster_rcnn_resnet50, faster_rcnn_resnet101, faster_rcnn_resnet152,
                                            faster_rcnn_inception_v2, faster_rcnn_inception_resnet_v2, faster_rcnn_nas>;

/// Faster R-CNN, R-FCN and Mask R-CNN in one.
using any_faster_rcnn = faster_rcnn<two_stage_feature_extractors>;

}  // namespace odt::presets
