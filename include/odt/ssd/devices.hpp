// SPDX-License-Identifier: MIT
// Where an SSD runs; see detectors/devices.hpp.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/box.hpp>
#include <odt/detectors/devices.hpp>
#include <odt/exec/ssd_predictions.hpp>
#include <odt/exec/step.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/variable_layout.hpp>
#include <odt/ssd/options.hpp>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace odt {

/// Detections from predictions in host memory and the normalized anchors that they are of.
using ssd_post_processing =
    std::function<std::vector<detections>(const batch&, const ssd_predictions&, std::span<const boxf>)>;

template <class Axes>
using ssd_cuda_registry = cuda_registry<ssd_options<Axes>, ssd_post_processing>;

/// Both are defined below exec/cpu/, for C++ units.
template <class Axes>
std::unique_ptr<device_step> make_cpu_step(const ssd_options<Axes>& options, const network& net,
                                           const variable_layout& layout, const run_options& run);
template <class Axes>
ssd_post_processing make_host_post_processing(const ssd_options<Axes>& options, const run_options& run);

}  // namespace odt
