// SPDX-License-Identifier: MIT
// An anchor generator tiles boxes over the cells of feature maps, the same number over every cell of one map. It knows
// sizes only: neither pixels nor ground truth, and it does not clip.
//
// Required of an anchor generator G:
//   constexpr int num_layers() const;                       how many feature maps it wants
//   constexpr int boxes_per_cell(int layer) const;          known before any size: the box predictor's width
//   std::vector<boxf> generate(std::span<const size2> maps, size2 image_size) const;
//     the anchors, normalized to the image (in pixels where the generator says so), ordered by layer, then row,
//     column, and box of the cell
// Law: generate gives as many anchors as anchor_count says, in that order; the same input gives the same anchors.
// Generators: anchor_generators/ ssd, multiscale, grid.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/image.hpp>
#include <odt/core/policy.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

namespace odt {

template <class G>
concept anchor_generator = policy<G> && requires(const G& generator, std::span<const size2> maps, size2 image_size) {
  { generator.num_layers() } -> std::same_as<int>;
  { generator.boxes_per_cell(0) } -> std::same_as<int>;
  { generator.generate(maps, image_size) } -> std::same_as<std::vector<boxf>>;
};

/// How many anchors the generator makes for these feature maps.
template <anchor_generator G>
constexpr int anchor_count(const G& generator, std::span<const size2> maps) {
  int count = 0;
  for (std::size_t layer = 0; layer < maps.size(); ++layer)
    count += maps[layer].height * maps[layer].width * generator.boxes_per_cell(static_cast<int>(layer));
  return count;
}

template <anchor_generator G>
constexpr int anchor_count(const G& generator, std::initializer_list<size2> maps) {
  return anchor_count(generator, std::span<const size2>(maps.begin(), maps.size()));
}

}  // namespace odt
