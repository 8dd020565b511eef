// SPDX-License-Identifier: MIT
// For nvcc alone: a unit with ODT_CUDA(detector) compiles what a detector needs on a GPU. odt_add_detector() in
// cuda.cmake writes such units.
#pragma once

#include <odt/exec/cuda/faster_rcnn_step.cuh>
#include <odt/exec/cuda/ssd_step.cuh>
#include <odt/faster_rcnn.hpp>
#include <odt/ssd.hpp>

namespace odt::cuda {

/// Lets an SSD run on a GPU; see ODT_CUDA.
template <class... Policies>
bool register_detector(const ssd<Policies...>*) {
  using registry = ssd_cuda_registry<typename ssd<Policies...>::axes>;
  registry::has_device = has_device;
  registry::maker = make_ssd_step<typename ssd<Policies...>::axes>;
  return true;
}

/// The same of a detector of two stages.
template <class... Policies>
bool register_detector(const faster_rcnn<Policies...>*) {
  using axes = typename faster_rcnn<Policies...>::axes;
  faster_rcnn_cuda_registry<axes>::has_device = has_device;
  faster_rcnn_cuda_registry<axes>::maker = make_faster_rcnn_step<axes>;
  return true;
}

}  // namespace odt::cuda

/// Registers a detector (the name of a type) for --device cuda. At namespace scope, once a program.
#define ODT_CUDA(detector) ODT_CUDA_UNIT(detector, __LINE__)
#define ODT_CUDA_UNIT(detector, line) ODT_CUDA_REGISTER(detector, line)
#define ODT_CUDA_REGISTER(detector, line) \
  [[maybe_unused]] static const bool odt_cuda_##line = odt::cuda::register_detector(static_cast<detector*>(nullptr));
