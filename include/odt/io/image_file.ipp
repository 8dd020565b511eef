// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/image_outline.ipp>
#include <odt/io/jpeg_rows.hpp>
#include <odt/io/webp_tiff.ipp>

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#if defined(ODT_HAS_TURBOJPEG)
#include <turbojpeg.h>
#endif

namespace odt::detail::picture {

/// zlib for stb's PNG writer, which owns and frees what this returns.
ODT_INLINE unsigned char* deflate_for_stb(unsigned char* data, int size, int* out_size, int level) {
  uLongf capacity = ::compressBound(static_cast<uLong>(size));
  auto* const out = static_cast<unsigned char*>(std::malloc(capacity));
  if (!out || ::compress2(out, &capacity, data, static_cast<uLong>(size), level) != Z_OK) {
    std::free(out);
    return nullptr;
  }
  *out_size = static_cast<int>(capacity);
  return out;
}

}  // namespace odt::detail::picture

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#include <stb_image.h>
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STBIW_ZLIB_COMPRESS odt::detail::picture::deflate_for_stb
#include <stb_image_write.h>
#pragma GCC diagnostic pop

namespace odt {

namespace detail::picture {

/// ".jpg" of "photos/A.JPG", empty without one.
ODT_INLINE std::string ending_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  std::string ending(name.substr(std::min(name.rfind('.'), name.size())));
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending;
}

ODT_INLINE outline read_outline(std::string_view bytes, std::string_view place, bool to_the_end) {
  if (bytes.empty()) fail(place, ": the image is empty (0 bytes); a JPEG or PNG file is expected");
  const std::optional<image_format> format = image_format_of(bytes);
  if (!format) fail(place, ": ", strange_file(bytes));
  const outline out = *format == image_format::jpeg   ? read_jpeg_outline(bytes, to_the_end)
                      : *format == image_format::png  ? read_png_outline(bytes)
                      : *format == image_format::bmp  ? read_bmp_outline(bytes)
                      : *format == image_format::gif  ? read_gif_outline(bytes)
                      : *format == image_format::webp ? read_webp_outline(bytes, place)
                                                      : read_tiff_outline(bytes, place);
  if (!out.has_size) fail(place, ": the image is cut short or damaged: no size within ", bytes.size(), " bytes");
  if (out.info.height < 1 || out.info.width < 1)
    fail(place, ": the image is ", out.info.width, " x ", out.info.height, "; at least 1 x 1 is expected");
  return out;
}

ODT_INLINE void check_outline(const outline& seen, std::string_view bytes, std::string_view place,
                              std::int64_t max_pixels) {
  const auto pixels = std::int64_t{seen.info.height} * seen.info.width;
  if (pixels > max_pixels)
    fail(place, ": the image is ", seen.info.width, " x ", seen.info.height, ", more than the ", max_pixels,
         " pixels allowed; make it smaller");
  if (!seen.complete)
    fail(place, ": the image is cut short: no end within ", bytes.size(), " bytes; fetch or save it anew");
  if (seen.damaged)
    fail(place, ": the image is damaged: wrong checksum of the PNG chunk at byte ", seen.damaged_at,
         "; fetch or save it anew");
  if (seen.info.format == image_format::jpeg && seen.info.bits != 8)
    fail(place, ": a JPEG of ", seen.info.bits, " bits; 8 are supported");
}

ODT_INLINE void decode_by_stb(std::string_view bytes, std::string_view place, const outline& seen, image& out) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) fail(place, ": the file is too large");
  if (seen.info.format == image_format::jpeg && seen.info.channels == 4 && !seen.adobe)
    fail(place, ": a CMYK JPEG without Adobe's marker; save it as RGB");
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      ::stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()), &width,
                              &height, &channels, 3),
      ::stbi_image_free);
  if (!pixels) fail_decoder(place, ::stbi_failure_reason());
  if (width != seen.info.width || height != seen.info.height) fail_decoder(place, "it has two sizes");
  reshape(out, {height, width}, 3);
  std::memcpy(out.pixels.data(), pixels.get(), out.pixels.size());
}

#if defined(ODT_HAS_TURBOJPEG)

/// As TensorFlow does it: 8-bit CMYK multiplied out, inverted when Adobe wrote it.
ODT_INLINE void multiply_out(const image& cmyk, bool inverted, image& out) {
  reshape(out, cmyk.size(), 3);
  const std::size_t count = out.pixels.size() / 3;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* const ink = cmyk.pixels.data() + 4 * i;
    for (std::size_t c = 0; c < 3; ++c) {
      const int product = inverted ? ink[3] * ink[c] : (255 - ink[3]) * (255 - ink[c]);
      out.pixels[3 * i + c] = static_cast<std::uint8_t>(product / 255);
    }
  }
}

using turbojpeg = std::unique_ptr<void, int (*)(tjhandle)>;

ODT_INLINE void decompress(turbojpeg& decoder, std::string_view bytes, std::string_view place, int format, image& out) {
  if (!decoder) decoder.reset(::tjInitDecompress());
  if (!decoder) fail(place, ": cannot start libjpeg-turbo");
  constexpr int as_tensorflow = TJFLAG_FASTDCT;  // gives TensorFlow's pixels, bit for bit
  const int status = ::tjDecompress2(decoder.get(), reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<unsigned long>(bytes.size()), out.pixels.data(), out.width, 0,
                                     out.height, format, as_tensorflow);
  if (status == 0) return;
  const std::string_view why = ::tjGetErrorStr2(decoder.get());
  if (::tjGetErrorCode(decoder.get()) != TJERR_WARNING || !jpeg::harmless(why)) fail_decoder(place, why);
}

ODT_INLINE void decode_by_turbojpeg(turbojpeg& decoder, std::string_view bytes, std::string_view place,
                                    const outline& seen, image& out) {
  if (seen.info.channels == 4) {
    image cmyk(seen.info.height, seen.info.width, 4);
    decompress(decoder, bytes, place, TJPF_CMYK, cmyk);
    return multiply_out(cmyk, seen.adobe, out);
  }
  reshape(out, seen.info.size(), 3);
  decompress(decoder, bytes, place, TJPF_RGB, out);
}

ODT_INLINE std::string encode_by_turbojpeg(const image& source, int quality) {
  const std::unique_ptr<void, int (*)(tjhandle)> encoder(::tjInitCompress(), ::tjDestroy);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  const bool gray = source.channels == 1;
  const int subsampling = gray ? TJSAMP_GRAY : quality > 90 ? TJSAMP_444 : TJSAMP_420;
  const int status = encoder ? ::tjCompress2(encoder.get(), source.pixels.data(), source.width, 0, source.height,
                                             gray ? TJPF_GRAY : TJPF_RGB, &data, &size, subsampling, quality, 0)
                             : -1;
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(data, ::tjFree);
  if (status != 0) fail("cannot encode a JPEG: ", encoder ? ::tjGetErrorStr2(encoder.get()) : "no encoder");
  return {reinterpret_cast<const char*>(data), size};
}

#endif

ODT_INLINE void append_bytes(void* out, void* data, int size) {
  static_cast<std::string*>(out)->append(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

ODT_INLINE void check_encodable(const image& source, std::initializer_list<int> channels) {
  const auto size = static_cast<std::size_t>(std::max(source.height, 0)) *
                    static_cast<std::size_t>(std::max(source.width, 0)) * static_cast<std::size_t>(source.channels);
  if (size == 0 || size != source.pixels.size() || std::ranges::find(channels, source.channels) == channels.end())
    fail("cannot encode an image of ", source.width, " x ", source.height, " x ", source.channels, " with ",
         source.pixels.size(), " values; ", join(channels, " or "), " channels are supported");
}

}  // namespace detail::picture

ODT_INLINE bool has_turbojpeg() {
#if defined(ODT_HAS_TURBOJPEG)
  return true;
#else
  return false;
#endif
}

ODT_INLINE bool has_webp() { return detail::picture::webp_is_there; }

ODT_INLINE bool has_tiff() { return detail::picture::tiff_is_there; }

ODT_INLINE std::string_view format_name(image_format format) {
  constexpr std::string_view names[] = {"JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF"};
  return names[static_cast<std::size_t>(format)];
}

ODT_INLINE std::optional<image_format> image_format_of(std::string_view bytes) {
  using enum image_format;
  const auto begins = [&](auto&&... parts) { return (bytes.starts_with(parts) || ...); };
  if (begins("\xff\xd8\xff")) return jpeg;
  if (begins("\x89PNG\r\n\x1a\n")) return png;
  if (begins("RIFF") && bytes.size() > 8 && bytes.substr(8).starts_with("WEBP")) return webp;
  if (begins("GIF87a", "GIF89a")) return gif;
  if (begins("BM") && bytes.size() >= 18 && detail::picture::little_endian(bytes, 14, 4) <= 124) return bmp;
  if (begins(std::string_view("II*\0", 4), std::string_view("MM\0*", 4))) return tiff;
  return std::nullopt;
}

ODT_INLINE bool is_picture_name(std::string_view path) {
  return !path.substr(path.rfind('/') + 1).starts_with('.') &&
         std::ranges::find(picture_endings, detail::picture::ending_of(path)) != std::end(picture_endings);
}

ODT_INLINE image_info read_image_info(std::string_view bytes, std::string_view place) {
  return detail::picture::read_outline(bytes, place, false).info;
}

struct image_decoder::state {
  jpeg_rows rows;
  image whole;
#if defined(ODT_HAS_TURBOJPEG)
  detail::picture::turbojpeg decoder{nullptr, ::tjDestroy};
#endif
};

ODT_INLINE image_decoder::image_decoder() : state_(std::make_unique<state>()) {}
ODT_INLINE image_decoder::~image_decoder() = default;
ODT_INLINE image_decoder::image_decoder(image_decoder&&) noexcept = default;
ODT_INLINE image_decoder& image_decoder::operator=(image_decoder&&) noexcept = default;

ODT_INLINE void image_decoder::decode(std::string_view bytes, std::string_view place, image& out,
                                      const decode_options& options) {
  namespace d = detail::picture;
  const d::outline seen = d::read_outline(bytes, place, true);
  d::check_outline(seen, bytes, place, options.max_pixels);
  if (seen.info.format == image_format::webp) return d::decode_webp(bytes, place, seen.info.size(), out);
  if (seen.info.format == image_format::tiff) return d::decode_tiff(bytes, place, seen.info.size(), out);
  if (seen.info.format != image_format::jpeg || options.decoder == jpeg_decoder::stb)
    return d::decode_by_stb(bytes, place, seen, out);
#if defined(ODT_HAS_TURBOJPEG)
  d::decode_by_turbojpeg(state_->decoder, bytes, place, seen, out);
#else
  if (options.decoder == jpeg_decoder::turbojpeg) fail(place, ": this build has no libjpeg-turbo");
  d::decode_by_stb(bytes, place, seen, out);
#endif
}

ODT_INLINE void image_decoder::open(std::string_view bytes, std::string_view place, odt::picture& out,
                                    const decode_options& options) {
  namespace d = detail::picture;
  const d::outline seen = d::read_outline(bytes, place, true);
  d::check_outline(seen, bytes, place, options.max_pixels);
  const bool by_rows = jpeg_rows::available() && options.decoder != jpeg_decoder::stb &&
                       seen.info.format == image_format::jpeg && seen.info.channels != 4;
  if (by_rows) {
    state_->rows.open(bytes, place, seen.info.size());
    return out.open(state_->rows, seen.info.size());
  }
  decode(bytes, place, state_->whole, options);
  out.open(state_->whole);
}

ODT_INLINE image decode_image(std::string_view bytes, std::string_view place, const decode_options& options) {
  image out;
  image_decoder().decode(bytes, place, out, options);
  return out;
}

ODT_INLINE image read_upright(const std::string& path) {
  const std::string bytes = read_file(path);
  const int orientation = read_image_info(bytes, path).orientation;
  image upright = decode_image(bytes, path);
  return orientation == 1 ? upright : apply_orientation(upright, orientation);
}

ODT_INLINE image read_image(const std::string& path, const decode_options& options) {
  return decode_image(read_file(path), path, options);
}

ODT_INLINE image apply_orientation(const image& source, int orientation) {
  if (orientation <= 1 || orientation > 8) return source;
  const bool turned = orientation >= 5;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  image out(turned ? source.width : source.height, turned ? source.height : source.width, source.channels);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const int v = turned ? x : y, u = turned ? y : x;
      const auto* const from = source.at(mirror_y ? source.height - 1 - v : v, mirror_x ? source.width - 1 - u : u);
      std::copy_n(from, source.channels, out.at(y, x));
    }
  return out;
}

ODT_INLINE std::string encode_png(const image& source) {
  detail::picture::check_encodable(source, {1, 3, 4});
  std::string out;
  if (!::stbi_write_png_to_func(detail::picture::append_bytes, &out, source.width, source.height, source.channels,
                                source.pixels.data(), source.width * source.channels))
    fail("cannot encode a PNG of ", source.width, " x ", source.height, ": out of memory");
  return out;
}

ODT_INLINE std::string encode_jpeg(const image& source, int quality) {
  detail::picture::check_encodable(source, {1, 3});
  if (quality < 1 || quality > 100) fail("JPEG quality ", quality, "; 1 to 100 is expected");
#if defined(ODT_HAS_TURBOJPEG)
  return detail::picture::encode_by_turbojpeg(source, quality);
#else
  std::string out;
  if (!::stbi_write_jpg_to_func(detail::picture::append_bytes, &out, source.width, source.height, source.channels,
                                source.pixels.data(), quality))
    fail("cannot encode a JPEG of ", source.width, " x ", source.height);
  return out;
#endif
}

ODT_INLINE bool is_written(std::string_view path) {
  const std::string ending = detail::picture::ending_of(path);
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

ODT_INLINE void write_image(const std::string& path, const image& source) {
  if (!is_written(path)) fail(path, ": images are written as .png, .jpg or .jpeg");
  write_file(path, detail::picture::ending_of(path) == ".png" ? encode_png(source) : encode_jpeg(source));
}

}  // namespace odt
