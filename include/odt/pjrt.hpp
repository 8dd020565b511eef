// SPDX-License-Identifier: MIT
// Accelerators with a PJRT plugin: --device tpu, or pjrt:PLUGIN. A unit with ODT_PJRT(detector) compiles what a
// detector needs on them.
#pragma once

#include <odt/detectors/step_loop.hpp>
#include <odt/exec/pjrt/ssd_loop.hpp>
#include <odt/exec/pjrt/ssd_step.hpp>
#include <odt/ssd.hpp>

namespace odt::pjrt {

/// Lets an SSD run on accelerators; see ODT_PJRT.
template <class... Policies>
bool register_detector(const ssd<Policies...>*) {
  using axes = typename ssd<Policies...>::axes;
  pjrt_registry<ssd_options<axes>>::maker = make_ssd_step<axes>;
  step_loop_makers().push_back(ssd_loop<ssd<Policies...>, axes>::make);
  return true;
}

}  // namespace odt::pjrt

/// Registers a detector (the name of a type) for --device tpu. At namespace scope, once a program.
#define ODT_PJRT(detector) ODT_PJRT_UNIT(detector, __LINE__)
#define ODT_PJRT_UNIT(detector, line) ODT_PJRT_REGISTER(detector, line)
#define ODT_PJRT_REGISTER(detector, line) \
  [[maybe_unused]] static const bool odt_pjrt_##line = odt::pjrt::register_detector(static_cast<detector*>(nullptr));
