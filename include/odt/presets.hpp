// SPDX-License-Identifier: MIT
// Detectors by the names that people know.
#pragma once

#include <odt/anchor_generators/multiscale.hpp>
#include <odt/box_predictors/weight_shared.hpp>
#include <odt/faster_rcnn.hpp>
#include <odt/feature_extractors/faster_rcnn_inception_resnet_v2.hpp>
#include <odt/feature_extractors/mobilenet_v1_fpn.hpp>
#include <odt/feature_extractors/mobilenet_v1_ppn.hpp>
#include <odt/feature_extractors/mobilenet_v2.hpp>
#include <odt/feature_extractors/mobilenet_v2_fpn.hpp>
#include <odt/feature_extractors/resnet_v1_fpn.hpp>
#include <odt/feature_extractors/resnet_v1_ppn.hpp>
#include <odt/ssd.hpp>

namespace odt::presets {

/// MobileNet v1 (Howard et al., arXiv:1704.04861) under an SSD. Matcher, optimizer and losses are chosen by the config.
using ssd_mobilenet_v1 = ssd<mobilenet_v1>;

/// Inception v2 (Ioffe and Szegedy, arXiv:1502.03167) under an SSD.
using ssd_inception_v2 = ssd<inception_v2>;

/// Every feature extractor that an SSD can have.
using ssd_feature_extractors =
    any_of<mobilenet_v1, mobilenet_v2, inception_v2, mobilenet_v1_fpn, mobilenet_v2_fpn, resnet50_v1_fpn,
           resnet101_v1_fpn, resnet152_v1_fpn, mobilenet_v1_ppn, resnet50_v1_ppn, resnet101_v1_ppn, resnet152_v1_ppn>;

/// Separate heads a feature map, or shared ones; anchors between two scales, or of octaves.
using ssd_layouts = ssd_layout<any_of<convolutional_box_predictor, weight_shared_convolutional_box_predictor>,
                               any_of<ssd_anchor_generator, multiscale_anchor_generator>>;

/// All of them in one: the config chooses every part.
using any_ssd = ssd<ssd_feature_extractors, faster_rcnn_box_coder, any_of<argmax_matcher, bipartite_matcher>,
                    any_of<rms_prop, momentum, adam>, ssd_losses<>, ssd_layouts>;

/// Every feature extractor that a detector of two stages can have.
using two_stage_feature_extractors = any_of<faster_rcnn_resnet50, faster_rcnn_resnet101, faster_rcnn_resnet152,
                                            faster_rcnn_inception_v2, faster_rcnn_inception_resnet_v2>;

/// Faster R-CNN, R-FCN and Mask R-CNN in one.
using any_faster_rcnn = faster_rcnn<two_stage_feature_extractors>;

}  // namespace odt::presets
