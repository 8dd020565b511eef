// SPDX-License-Identifier: MIT
// Image files to and from images in memory. JPEG by libjpeg-turbo when the build has it, else by stb_image, which reads
// PNG, BMP and GIF too; WebP by libwebp and TIFF by libtiff when the build has them.
#pragma once

#include <odt/core/image.hpp>
#include <odt/core/picture.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace odt {

enum class jpeg_decoder { best, turbojpeg, stb };

/// Whether the library was built with libjpeg-turbo.
bool has_turbojpeg();

/// Whether the library was built with libwebp, with libtiff.
bool has_webp();
bool has_tiff();

struct decode_options {
  jpeg_decoder decoder = jpeg_decoder::best;
  std::int64_t max_pixels = 178956970;  ///< larger images are refused before anything is allocated
};

enum class image_format { jpeg, png, webp, bmp, gif, tiff };

/// "JPEG", "WebP", ...
std::string_view format_name(image_format format);

/// The format that a file's first bytes tell.
std::optional<image_format> image_format_of(std::string_view bytes);

/// TensorFlow's readers of records decode these two.
constexpr bool fits_a_record(image_format format) {
  return format == image_format::jpeg || format == image_format::png;
}

/// The endings that picture files have, in small letters: those that are read, and phones' .heic and .avif, so that
/// these are answered by an error that says what to do.
inline constexpr std::string_view picture_endings[] = {".jpg", ".jpeg", ".jpe",  ".jfif", ".png",  ".webp", ".bmp",
                                                       ".gif", ".tif",  ".tiff", ".heic", ".heif", ".avif"};

/// Whether a file's name has one of these endings, in small or capital letters, and is not a hidden one: macOS writes
/// ._a.jpg, which is no picture, beside a.jpg.
bool is_picture_name(std::string_view path);

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

/// Decodes to RGB as TensorFlow does: gray is repeated, alpha dropped, 16 bits cut to 8, CMYK multiplied out; of a GIF
/// or TIFF the first picture. Empty, truncated, damaged or too large images are errors, and so are other files, by
/// name: web pages, Git LFS pointers, HEIC pictures. EXIF orientation is not applied (see apply_orientation).
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

/// Turned upright as its EXIF orientation says, as viewers show it.
image read_upright(const std::string& path);

/// The picture turned upright, given its EXIF orientation.
image apply_orientation(const image& source, int orientation);

/// PNG of an image with 1, 3 or 4 channels.
std::string encode_png(const image& source);

/// JPEG of an image with 1 or 3 channels; quality 1 to 100.
std::string encode_jpeg(const image& source, int quality = 95);

/// Whether write_image knows the path's ending.
bool is_written(std::string_view path);

/// Writes a .png, .jpg or .jpeg by the path's ending (in small or capital letters), atomically.
void write_image(const std::string& path, const image& source);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/image_file.ipp>
#endif
