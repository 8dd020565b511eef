// SPDX-License-Identifier: MIT
// JPEG and PNG files to and from images in memory. Decoders: libjpeg-turbo when the build has it, else stb_image.
#pragma once

#include <odt/core/image.hpp>
#include <odt/core/picture.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace odt {

enum class jpeg_decoder { best, turbojpeg, stb };

/// Whether the library was built with libjpeg-turbo.
bool has_turbojpeg();

struct decode_options {
  jpeg_decoder decoder = jpeg_decoder::best;
  std::int64_t max_pixels = 178956970;  ///< larger images are refused before anything is allocated
};

enum class image_format { jpeg, png };

/// What an image file's header says.
struct image_info {
  image_format format = image_format::jpeg;
  int height = 0;
  int width = 0;
  int channels = 0;     ///< as stored: 1 gray, 2 gray + alpha, 3 RGB or YCbCr or palette, 4 RGB + alpha or CMYK
  int bits = 8;         ///< per channel
  int orientation = 1;  ///< EXIF: 1 to 8; 1 is upright

  size2 size() const { return {height, width}; }
};

/// Reads the header without decoding. `place` starts error messages; so it does below.
image_info read_image_info(std::string_view bytes, std::string_view place);

/// Decodes to RGB as TensorFlow does: gray is repeated, alpha dropped, 16 bits cut to 8, CMYK multiplied out. Empty,
/// truncated, damaged or too large images are errors. EXIF orientation is not applied (see apply_orientation).
image decode_image(std::string_view bytes, std::string_view place, const decode_options& options = {});

/// Does as decode_image, image after image, with one decoder and into buffers that are used again.
class image_decoder {
 public:
  image_decoder();
  ~image_decoder();
  image_decoder(image_decoder&&) noexcept;
  image_decoder& operator=(image_decoder&&) noexcept;

  void decode(std::string_view bytes, std::string_view place, image& out, const decode_options& options = {});

  /// Opens the picture with what is to be decoded. Where the build and the image allow it, that happens row by row and
  /// only as far as the picture is read, so that damage is found only there. The arguments and this decoder must
  /// outlive the use of the picture.
  void open(std::string_view bytes, std::string_view place, picture& out, const decode_options& options = {});

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Decodes the file at `path`.
image read_image(const std::string& path, const decode_options& options = {});

/// The picture turned upright, given its EXIF orientation.
image apply_orientation(const image& source, int orientation);

/// PNG of an image with 1, 3 or 4 channels.
std::string encode_png(const image& source);

/// JPEG of an image with 1 or 3 channels; quality 1 to 100.
std::string encode_jpeg(const image& source, int quality = 95);

/// Writes a .png, .jpg or .jpeg by the path's ending, atomically.
void write_image(const std::string& path, const image& source);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/image_file.ipp>
#endif
