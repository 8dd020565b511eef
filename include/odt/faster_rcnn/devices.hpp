// SPDX-License-Identifier: MIT
// Where a two-stage detector runs; see ssd/devices.hpp, whose shape this is.
#pragma once

#include <odt/detectors/choose_device.hpp>
#include <odt/exec/step.hpp>
#include <odt/faster_rcnn/options.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/variable_layout.hpp>

#include <memory>

namespace odt {

/// Makes a device's step. The references must outlive it.
template <class Axes>
using faster_rcnn_step_maker = std::unique_ptr<device_step> (*)(const faster_rcnn_options<Axes>&, const network&,
                                                                const variable_layout&, const run_options&);

/// What the translation units for CUDA have registered for a detector.
template <class Axes>
struct faster_rcnn_cuda_registry {
  static inline faster_rcnn_step_maker<Axes> maker = nullptr;
  static inline bool (*has_device)() = nullptr;  ///< whether there is a GPU to run on
};

/// Defined in exec/cpu/faster_rcnn_step.hpp, for C++ units.
template <class Axes>
std::unique_ptr<device_step> make_cpu_step(const faster_rcnn_options<Axes>& options, const network& net,
                                           const variable_layout& layout, const run_options& run);

namespace detail {

/// The step on the device that `run` asks for.
template <class Axes>
std::unique_ptr<device_step> make_faster_rcnn_step(const faster_rcnn_options<Axes>& options, const network& net,
                                                   const variable_layout& layout, const run_options& run) {
  using cuda = faster_rcnn_cuda_registry<Axes>;
  return chooses_gpu(run, cuda::has_device) ? cuda::maker(options, net, layout, run)
                                            : make_cpu_step<Axes>(options, net, layout, run);
}

}  // namespace detail

}  // namespace odt
