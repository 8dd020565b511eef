// SPDX-License-Identifier: MIT
// Where a two-stage detector runs; see ssd/devices.hpp, whose shape this is.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/box.hpp>
#include <odt/detectors/choose_device.hpp>
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

/// Makes a device's step. The references must outlive it.
template <class Axes>
using faster_rcnn_step_maker = std::unique_ptr<device_step> (*)(const faster_rcnn_options<Axes>&, const network&,
                                                                const variable_layout&, const run_options&,
                                                                box_classifier_post_processing);

/// What the translation units for CUDA have registered for a detector.
template <class Axes>
struct faster_rcnn_cuda_registry {
  static inline faster_rcnn_step_maker<Axes> maker = nullptr;
  static inline bool (*has_device)() = nullptr;  ///< whether there is a GPU to run on
};

/// Both are defined below exec/cpu/, for C++ units.
template <class Axes>
std::unique_ptr<device_step> make_cpu_faster_rcnn_step(const faster_rcnn_options<Axes>& options, const network& net,
                                                       const variable_layout& layout, const run_options& run);
template <class Axes>
box_classifier_post_processing make_faster_rcnn_post_processing(const faster_rcnn_options<Axes>& options,
                                                                const run_options& run);

namespace detail {

/// The step on the device that `run` asks for.
template <class Axes>
std::unique_ptr<device_step> make_faster_rcnn_step(const faster_rcnn_options<Axes>& options, const network& net,
                                                   const variable_layout& layout, const run_options& run) {
  using cuda = faster_rcnn_cuda_registry<Axes>;
  if (!chooses_gpu(run, cuda::has_device)) return make_cpu_faster_rcnn_step<Axes>(options, net, layout, run);
  return cuda::maker(options, net, layout, run, make_faster_rcnn_post_processing<Axes>(options, run));
}

}  // namespace detail

}  // namespace odt
