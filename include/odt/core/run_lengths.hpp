// SPDX-License-Identifier: MIT
// Masks of objects as the lengths of their runs, column by column: COCO's format (Lin et al., "Microsoft COCO: common
// objects in context", ECCV 2014), with the numbers and the text of its own tools.
#pragma once

#include <odt/core/image.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt {

/// A mask of `size`: pixels outside, pixels inside the object, outside, ... in turn, down the columns from the left.
/// The first run may be empty. Together they are height * width pixels.
struct run_lengths {
  size2 size;
  std::vector<std::uint32_t> counts;

  friend bool operator==(const run_lengths&, const run_lengths&) = default;
};

/// Fails unless the runs fill the mask, saying how many pixels they have and how many it has.
void check_runs(const run_lengths& mask);

/// The runs of a mask of one channel, in which what is not 0 is the object.
run_lengths to_runs(const image& mask);

/// The mask of one channel: 1 where the object is, else 0. Fails as check_runs.
image to_mask(const run_lengths& mask);

/// COCO's text of the counts ("counts" of a segmentation): the difference to the last run of the same kind, 5 bits a
/// character.
std::string runs_text(const run_lengths& mask);

/// The runs of COCO's text. Fails at characters that it has not, at its end within a number, and as check_runs.
run_lengths read_runs(std::string_view text, size2 size);

/// The mask of a polygon with corners x, y, x, y, ... in pixels, (0, 0) at the corner of the first pixel: drawn at five
/// times the size and sampled at the centres of the columns, as COCO does. Outside of the picture it is cut off. Fails
/// for less than three corners, and for corners that are no numbers or more than a million pixels away.
run_lengths polygon_runs(std::span<const double> corners, size2 size);

/// What belongs to any of the masks, which are at least one and of one size.
run_lengths merged(std::span<const run_lengths> masks);

/// Pixels of the object.
std::int64_t area(const run_lengths& mask);

/// Pixels that belong to both masks, which have one size.
std::int64_t intersection(const run_lengths& a, const run_lengths& b);

/// Intersection over union; over the found mask's area where the truth is a crowd. 0 where nothing is shared.
double iou(const run_lengths& found, const run_lengths& truth, bool crowd = false);

/// Builds runs pixel by pixel, or more at once.
class run_writer {
 public:
  explicit run_writer(size2 size) : runs_{size, {0}} {}

  /// The next pixels of the columns.
  void add(std::uint32_t pixels, bool inside) {
    if (pixels == 0) return;
    if (inside == (runs_.counts.size() % 2 == 0))
      runs_.counts.back() += pixels;
    else
      runs_.counts.push_back(pixels);
  }

  /// All of it, once every pixel was added.
  run_lengths take() { return std::move(runs_); }

 private:
  run_lengths runs_;
};

/// Calls run(x, top, pixels) for every vertical line of the object's pixels.
template <class Run>
void for_each_line(const run_lengths& mask, Run&& run) {
  const auto height = static_cast<std::int64_t>(mask.size.height);
  std::int64_t at = 0;
  for (std::size_t i = 0; i < mask.counts.size(); ++i) {
    const std::int64_t end = at + mask.counts[i];
    while (i % 2 == 1 && at < end) {
      const std::int64_t x = at / height, stop = std::min(end, (x + 1) * height);
      run(static_cast<int>(x), static_cast<int>(at - x * height), static_cast<int>(stop - at));
      at = stop;
    }
    at = end;
  }
}

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/core/run_lengths.ipp>
#endif
