// SPDX-License-Identifier: MIT
// A region similarity says how alike two boxes are: the larger, the more. It compares one pair; whose box is whose, and
// what follows from a large value, is the matcher's affair. It need be neither symmetric nor bounded.
//
// Required of a similarity S, for T = float, double or a SIMD batch of floats:
//   ODT_HD constexpr T compare(box<T> row, box<T> column) const;       row: ground truth; column: anchor
// Law: finite for boxes with an area, and no other box is more alike to a box than the box itself.
// Similarities: similarities/{iou,ioa,neg_sq_dist,thresholded_iou}.hpp.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/policy.hpp>

#include <concepts>

namespace odt {

namespace detail {
template <class S, class T>
concept compares_boxes_of = requires(const S& similarity, const box<T>& b) {
  { similarity.compare(b, b) } -> std::same_as<T>;
};
}  // namespace detail

template <class S>
concept similarity = policy<S> && detail::compares_boxes_of<S, float> && detail::compares_boxes_of<S, double>;

}  // namespace odt
