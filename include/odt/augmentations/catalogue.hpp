// SPDX-License-Identifier: MIT
// All augmentations by the names that pipeline.config uses.
#pragma once

#include <odt/augmentation.hpp>

#include <vector>

namespace odt {

/// What odt brings. One's own is added by push_back(augmentation_kind::of<mine>()).
std::vector<augmentation_kind> augmentation_catalogue();

/// The chain of `train_config.data_augmentation_options` out of the catalogue.
inline augmentation_chain augmentation_chain_from(const settings& list) {
  return augmentation_chain_from(list, augmentation_catalogue());
}

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/augmentations/catalogue.ipp>
#endif
