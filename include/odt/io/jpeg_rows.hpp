// SPDX-License-Identifier: MIT
// A JPEG's pixels row by row, by libjpeg-turbo. Only the part that is called for is decoded, to the same values as in
// the whole picture.
#pragma once

#include <odt/core/image.hpp>
#include <odt/core/pixel_rows.hpp>

#include <memory>
#include <string_view>

namespace odt {

/// One decoder with its buffers for picture after picture.
class jpeg_rows final : public pixel_rows {
 public:
  jpeg_rows();
  ~jpeg_rows() override;

  /// Whether the build has what this needs.
  static bool available();

  /// Starts with a picture of that size in RGB, YCbCr or gray. The bytes and `place`, which starts error messages,
  /// must outlive the reading.
  void open(std::string_view bytes, std::string_view place, size2 size);

  const std::uint8_t* row(int y, int left, int width) override;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

namespace detail::jpeg {

/// Whether a warning of libjpeg leaves the picture whole.
bool harmless(std::string_view warning);

}  // namespace detail::jpeg

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/jpeg_rows.ipp>
#endif
