// SPDX-License-Identifier: MIT
// One image on its way from the decoder to the network. Crops and flips move a view and copy nothing; only colours and
// padding make floats of the pixels that are left. The decoder may even make the pixels only then.
#pragma once

#include <odt/core/color.hpp>
#include <odt/core/image.hpp>
#include <odt/core/pixel_rows.hpp>
#include <odt/core/pixel_transform.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace odt {

/// An RGB image with values 0..255, first borrowed as bytes, later its own floats. Its buffers are reused from image to
/// image. Gray bytes (one channel) read as RGB; of more than three channels the first three count.
class picture {
 public:
  picture() = default;
  explicit picture(const image& decoded) { open(decoded); }
  explicit picture(const float_image& pixels);
  picture(picture&&) = default;
  picture& operator=(picture&&) = default;

  /// Starts over with a decoded image, which must outlive the use of this picture.
  void open(const image& decoded);

  /// Starts over with rows that are made while they are read. Crops and horizontal flips leave them so; whatever else
  /// is done settles them first.
  void open(pixel_rows& rows, size2 size);

  /// Reads what the picture still needs of the rows it was opened with.
  void settle();

  size2 size() const { return size_; }

  /// Keeps the rectangle of that size whose top left corner is (top, left); it must lie inside.
  void crop(int top, int left, size2 size);
  void flip_horizontally();
  void flip_vertically();

  /// Puts the image at (top, left) of a larger canvas of the given colour.
  void pad(int top, int left, size2 canvas, rgb color);

  /// The mean of each channel.
  rgb mean();

  /// Replaces each pixel p by change(p).
  template <class Change>
  void recolor(Change&& change) {
    make_floats();
    for (int y = 0; y < size_.height; ++y) {
      float* p = floats_ + y * row_;
      for (int x = 0; x < size_.width; ++x, p += 3) {
        const rgb q = change(rgb{p[0], p[1], p[2]});
        p[0] = q.r, p[1] = q.g, p[2] = q.b;
      }
    }
  }

  /// Writes row y as width x 3 floats; of a settled picture.
  void read_row(int y, float* out) const;

  /// Whether rows lie in memory from right to left.
  bool mirrored() const { return column_ < 0; }

  /// Row y in that order, if its pixels are the bytes of an RGB image; else null.
  const std::uint8_t* stored_bytes(int y) const;

  /// Writes row y, transformed, as width x 3 floats in the order in which it lies in memory.
  void read_stored_row(int y, const pixel_transform& change, float* out) const;

 private:
  /// The leftmost column in memory; of opened rows alone.
  int leftmost() const { return mirrored() ? left_ - size_.width + 1 : left_; }

  /// Elements from pixel (0, 0) to where row y begins in memory.
  std::ptrdiff_t start_of(int y) const { return y * row_ + (mirrored() ? (size_.width - 1) * column_ : 0); }

  void make_floats();
  void adopt_spare(size2 size);

  pixel_rows* rows_ = nullptr;           ///< until they are settled
  int top_ = 0, left_ = 0;               ///< pixel (0, 0) in them
  const std::uint8_t* bytes_ = nullptr;  ///< pixel (0, 0) of the borrowed image, or null
  float* floats_ = nullptr;              ///< pixel (0, 0) in `own_`, whose pixels are 3 apart once changed
  size2 size_;
  std::ptrdiff_t row_ = 0;     ///< elements from a row to the next; negative when flipped
  std::ptrdiff_t column_ = 3;  ///< elements from a pixel to the next; negative when flipped
  int channels_ = 3;           ///< of the source: 1 for gray
  std::vector<float> own_, spare_;
  std::vector<std::uint8_t> settled_;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/core/picture.ipp>
#endif
