// SPDX-License-Identifier: MIT
// Where a detector runs. Its type is the same in every translation unit; the devices' sides of it are compiled apart,
// the CPU's by the C++ compiler, CUDA's by nvcc (ODT_CUDA in cuda.hpp), that of accelerators with a PJRT plugin where
// it is asked for (ODT_PJRT in pjrt.hpp), and meet in registries.
#pragma once

#include <odt/detectors/choose_device.hpp>
#include <odt/exec/step.hpp>
#include <odt/nn/network.hpp>
#include <odt/nn/variable_layout.hpp>

#include <memory>

namespace odt {

/// What the translation units for CUDA have registered for a detector with these options. PostProcessing makes
/// detections on the host of what the device predicted.
template <class Options, class PostProcessing>
struct cuda_registry {
  /// Makes a device's step. The references must outlive it.
  using step_maker = std::unique_ptr<device_step> (*)(const Options&, const network&, const variable_layout&,
                                                      const run_options&, PostProcessing);

  static inline step_maker maker = nullptr;
  static inline bool (*has_device)() = nullptr;  ///< whether there is a GPU to run on
};

/// The same of the translation units for accelerators with a PJRT plugin (pjrt.hpp). The host's step evaluates and
/// detects, with the variables of the accelerator.
template <class Options>
struct pjrt_registry {
  using step_maker = std::unique_ptr<device_step> (*)(const Options&, const network&, const variable_layout&,
                                                      const run_options&, std::unique_ptr<device_step> host);

  static inline step_maker maker = nullptr;
};

namespace detail {

/// The step on the device that `run` asks for: the CPU's by `make_on_cpu`, or the registered one.
template <class Options, class PostProcessing>
std::unique_ptr<device_step> make_step(const Options& options, const network& net, const variable_layout& layout,
                                       const run_options& run,
                                       std::unique_ptr<device_step> (*make_on_cpu)(const Options&, const network&,
                                                                                   const variable_layout&,
                                                                                   const run_options&),
                                       PostProcessing (*make_post_processing)(const Options&, const run_options&)) {
  using pjrt = pjrt_registry<Options>;
  if (chooses_plugin(run, pjrt::maker != nullptr))
    return pjrt::maker(options, net, layout, run,
                       make_on_cpu(options, net, layout, {.seed = run.seed, .threads = run.threads}));
  using cuda = cuda_registry<Options, PostProcessing>;
  if (!chooses_gpu(run, cuda::has_device)) return make_on_cpu(options, net, layout, run);
  return cuda::maker(options, net, layout, run, make_post_processing(options, run));
}

}  // namespace detail

}  // namespace odt
