// SPDX-License-Identifier: MIT
// Contract: a neck turns layers of a backbone into the feature maps that boxes are predicted from. It knows neither
// which backbone stands below it nor what is predicted.
//
// A neck is a function of necks/, which adds layers behind those it is given and returns the feature maps.
#pragma once

#include <odt/core/static_vector.hpp>
#include <odt/nn/convolution.hpp>
#include <odt/nn/network.hpp>

namespace odt {

/// Numbers of the layers that hold the feature maps, finest first.
using feature_maps = static_vector<int, 8>;

}  // namespace odt
