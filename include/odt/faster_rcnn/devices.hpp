// SPDX-License-Identifier: MIT
// Where a two-stage detector runs; see detectors/devices.hpp.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/box.hpp>
#include <odt/detectors/devices.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/step.hpp>
#include <odt/faster_rcnn/options.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/variable_layout.hpp>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace odt {

/// Detections from predictions and proposals in host memory; the latter and the windows are in pixels.
using box_classifier_post_processing =
    std::function<std::vector<detections>(const box_classifier_predictions&, const proposals&, std::span<const boxf>)>;

template <class Axes>
using faster_rcnn_cuda_registry = cuda_registry<faster_rcnn_options<Axes>, box_classifier_post_processing>;

/// Both are defined below exec/cpu/, for C++ units.
template <class Axes>
std::unique_ptr<device_step> make_cpu_faster_rcnn_step(const faster_rcnn_options<Axes>& options, const network& net,
                                                       const variable_layout& layout, const run_options& run);
template <class Axes>
box_classifier_post_processing make_faster_rcnn_post_processing(const faster_rcnn_options<Axes>& options,
                                                                const run_options& run);

}  // namespace odt
