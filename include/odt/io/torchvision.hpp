// SPDX-License-Identifier: MIT
// Classifiers of torchvision's as slim's checkpoints: names, layouts, and what the two networks do otherwise, as far as
// variables can make up for it. torchvision/ has a table for each network.
//
// Exact in inference, for norms of epsilon e here and 1e-5 there, and pixels p:
//   gamma' = gamma sqrt((variance + e) / (variance + 1e-5))
//   the first convolution sees x = s p + t in place of (p / 255 - mean) / deviation, so its weights become
//   w / (255 s deviation), and what is constant moves into moving_mean. Beyond the border both see zeros, which are
//   other colours: mean there, (0 - t) / s here.
// Not made up for: where strides and paddings lie (docs/from_elsewhere.md).
#pragma once

#include <odt/core/pixel_transform.hpp>
#include <odt/io/checkpoint.hpp>

#include <functional>
#include <optional>
#include <string>

namespace odt::torchvision {

/// Of the norms of torchvision's networks.
inline constexpr double norm_epsilon = 1e-5;

/// The network that takes the weights, where it is not slim's as it is.
struct destination {
  std::optional<pixel_transform> pixels{};                    ///< its input of pixels in 0..255
  std::function<double(const std::string& gamma)> epsilon{};  ///< of the norm with that gamma, by slim's name
};

/// Weights under slim's names, and which network's they are.
struct classifier {
  checkpoint_reader weights;
  std::string name;  ///< "mobilenet_v2"
};

/// Whether a checkpoint has PyTorch's names: a PyTorch file, or .safetensors without scopes.
bool is_torch(const checkpoint_reader& file);

/// The classifier that a file with PyTorch's names holds, perhaps below a prefix ("state_dict.module."), in float32.
/// What is none that is known, or lacks layers, is an error. What it has besides is left out, as is
/// num_batches_tracked.
classifier as_slim(const checkpoint_reader& file, const destination& to = {});

}  // namespace odt::torchvision

#if defined(ODT_HEADER_ONLY)
#include <odt/io/torchvision.ipp>
#endif
