// SPDX-License-Identifier: MIT
// Where an SSD runs. Its type is the same in every translation unit; the devices' sides of it are compiled apart, the
// CPU's by the C++ compiler, CUDA's by nvcc (ODT_CUDA in cuda.hpp), and meet here.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/box.hpp>
#include <odt/detectors/choose_device.hpp>
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

/// Makes a device's step. The references must outlive it.
template <class Axes>
using ssd_step_maker = std::unique_ptr<device_step> (*)(const ssd_options<Axes>&, const network&,
                                                        const variable_layout&, const run_options&,
                                                        ssd_post_processing);

/// What the translation units for CUDA have registered for an SSD.
template <class Axes>
struct ssd_cuda_registry {
  static inline ssd_step_maker<Axes> maker = nullptr;
  static inline bool (*has_device)() = nullptr;  ///< whether there is a GPU to run on
};

/// Defined in exec/cpu/ssd_step.hpp, for C++ units.
template <class Axes>
std::unique_ptr<device_step> make_cpu_step(const ssd_options<Axes>& options, const network& net,
                                           const variable_layout& layout, const run_options& run);
template <class Axes>
ssd_post_processing make_host_post_processing(const ssd_options<Axes>& options, const run_options& run);

namespace detail {

/// The step on the device that `run` asks for: "cpu", "cuda", or "auto" for a GPU where there is one.
template <class Axes>
std::unique_ptr<device_step> make_ssd_step(const ssd_options<Axes>& options, const network& net,
                                           const variable_layout& layout, const run_options& run) {
  using cuda = ssd_cuda_registry<Axes>;
  if (!chooses_gpu(run, cuda::has_device)) return make_cpu_step<Axes>(options, net, layout, run);
  return cuda::maker(options, net, layout, run, make_host_post_processing<Axes>(options, run));
}

}  // namespace detail

}  // namespace odt
