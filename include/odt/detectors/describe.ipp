// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/detectors/describe.hpp>
#include <odt/nn/lower.hpp>
#include <odt/nn/shapes.hpp>

#include <cstdint>

namespace odt {

ODT_INLINE detector_description describe_network(const network& net, const variable_layout& layout, int copies,
                                                 int batch, size2 size) {
  detector_description d;
  d.parameters = parameter_count(net);
  d.multiply_adds = multiply_adds(net, size);
  d.train_multiply_adds = multiply_adds(net, size, run_mode::train);
  d.anchors = anchor_count(net, size);
  d.step_bytes = peak_bytes(lower(net, batch, size, run_mode::train));
  d.variable_bytes = (layout.floats + layout.trainable_floats * copies) * std::int64_t{sizeof(float)};
  return d;
}

}  // namespace odt
