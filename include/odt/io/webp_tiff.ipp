// SPDX-License-Identifier: MIT
// WebP by libwebp, TIFF by libtiff; where the build lacks them, errors that name their packages.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/image_outline.ipp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#if defined(ODT_HAS_WEBP)
#include <webp/decode.h>
#endif
#if defined(ODT_HAS_TIFF)
#include <tiffio.h>
#endif

namespace odt {

namespace detail::picture {

#if defined(ODT_HAS_WEBP)

inline constexpr bool webp_is_there = true;

ODT_INLINE outline read_webp_outline(std::string_view bytes, std::string_view place) {
  outline out;
  out.info.format = image_format::webp;
  WebPBitstreamFeatures features;
  const auto* const data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (::WebPGetFeatures(data, bytes.size(), &features) != VP8_STATUS_OK) return out;
  if (features.has_animation) fail(place, ": an animated WebP, which is not read; convert a frame of it to PNG");
  out.has_size = true;
  out.info.width = features.width;
  out.info.height = features.height;
  out.info.channels = features.has_alpha ? 4 : 3;
  const std::size_t end = 8 + std::size_t{little_endian(bytes, 4, 4)};
  out.complete = end <= bytes.size();
  for (std::size_t at = 12; at + 8 <= std::min(end, bytes.size());) {
    const std::size_t length = little_endian(bytes, at + 4, 4);
    std::string_view content = bytes.substr(at + 8, length);
    if (bytes.substr(at, 4) == "EXIF") {
      if (content.starts_with(std::string_view("Exif\0\0", 6))) content.remove_prefix(6);
      out.info.orientation = read_orientation(content);
    }
    at += 8 + length + length % 2;
  }
  return out;
}

ODT_INLINE void decode_webp(std::string_view bytes, std::string_view place, size2 size, image& out) {
  reshape(out, size, 3);
  if (!::WebPDecodeRGBInto(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), out.pixels.data(),
                           out.pixels.size(), 3 * size.width))
    fail_decoder(place, "libwebp cannot decode it");
}

#else

inline constexpr bool webp_is_there = false;

[[noreturn]] ODT_INLINE void decode_webp(std::string_view, std::string_view place, size2, image&) {
  fail(place,
       ": is a WebP picture, and this program was compiled without libwebp (Debian's libwebp-dev); convert it to "
       "PNG (dwebp a.webp -o a.png)");
}

ODT_INLINE outline read_webp_outline(std::string_view bytes, std::string_view place) {
  image none;
  decode_webp(bytes, place, {}, none);
}

#endif

#if defined(ODT_HAS_TIFF)

inline constexpr bool tiff_is_there = true;

/// A file in memory, for libtiff.
struct tiff_source {
  std::string_view bytes;
  toff_t at = 0;

  static tmsize_t read(thandle_t self, void* to, tmsize_t size) {
    auto& source = *static_cast<tiff_source*>(self);
    const std::string_view rest = source.bytes.substr(std::min<std::size_t>(source.at, source.bytes.size()));
    const std::size_t count = std::min(rest.size(), static_cast<std::size_t>(std::max<tmsize_t>(size, 0)));
    if (count) std::memcpy(to, rest.data(), count);
    source.at += count;
    return static_cast<tmsize_t>(count);
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }
  static toff_t seek(thandle_t self, toff_t offset, int from) {
    auto& source = *static_cast<tiff_source*>(self);
    source.at = offset + (from == SEEK_CUR ? source.at : from == SEEK_END ? source.bytes.size() : 0);
    return source.at;
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t self) { return static_cast<tiff_source*>(self)->bytes.size(); }
};

using tiff_file = std::unique_ptr<TIFF, void (*)(TIFF*)>;

/// Opens it without a word on stderr; `source` must outlive the file.
ODT_INLINE tiff_file open_tiff(tiff_source& source) {
  [[maybe_unused]] static const bool silent = [] {
    ::TIFFSetErrorHandler(nullptr);
    ::TIFFSetWarningHandler(nullptr);
    return true;
  }();
  using s = tiff_source;
  return {::TIFFClientOpen("", "rm", &source, s::read, s::write, s::seek, s::close, s::size, nullptr, nullptr),
          ::TIFFClose};
}

ODT_INLINE outline read_tiff_outline(std::string_view bytes, std::string_view) {
  outline out;
  out.info.format = image_format::tiff;
  tiff_source source{bytes};
  const tiff_file file = open_tiff(source);
  std::uint32_t width = 0, height = 0;
  if (!file || !::TIFFGetField(file.get(), TIFFTAG_IMAGEWIDTH, &width) ||
      !::TIFFGetField(file.get(), TIFFTAG_IMAGELENGTH, &height))
    return out;
  std::uint16_t channels = 1, bits = 1, orientation = 1;
  ::TIFFGetFieldDefaulted(file.get(), TIFFTAG_SAMPLESPERPIXEL, &channels);
  ::TIFFGetFieldDefaulted(file.get(), TIFFTAG_BITSPERSAMPLE, &bits);
  ::TIFFGetFieldDefaulted(file.get(), TIFFTAG_ORIENTATION, &orientation);
  out.has_size = out.complete = true;  // the decoder finds out
  out.info.width = static_cast<int>(std::min<std::uint32_t>(width, 0x7fffffff));
  out.info.height = static_cast<int>(std::min<std::uint32_t>(height, 0x7fffffff));
  out.info.channels = channels;
  out.info.bits = bits;
  out.info.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
  return out;
}

/// libtiff multiplies colours by an alpha that they are not premultiplied by; one that they are, it leaves as it is.
ODT_INLINE void keep_colours_from_alpha(TIFF* file) {
  std::uint16_t count = 0;
  const std::uint16_t* kinds = nullptr;
  if (!::TIFFGetField(file, TIFFTAG_EXTRASAMPLES, &count, &kinds) || count == 0) return;
  std::vector<std::uint16_t> changed(kinds, kinds + count);
  if (changed[0] == EXTRASAMPLE_UNASSALPHA) changed[0] = EXTRASAMPLE_ASSOCALPHA;
  ::TIFFSetField(file, TIFFTAG_EXTRASAMPLES, count, changed.data());
}

ODT_INLINE void decode_tiff(std::string_view bytes, std::string_view place, size2 size, image& out) {
  tiff_source source{bytes};
  const tiff_file file = open_tiff(source);
  std::vector<std::uint32_t> raster(static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width));
  std::uint16_t orientation = 1;
  if (file) {
    char why[1024] = "";
    if (!::TIFFRGBAImageOK(file.get(), why))
      fail(place, ": a TIFF of a kind that is not read (libtiff: ", why, "); convert it to PNG");
    keep_colours_from_alpha(file.get());
    ::TIFFGetFieldDefaulted(file.get(), TIFFTAG_ORIENTATION, &orientation);
  }
  // In its own orientation: the pixels as they are stored.
  if (!file || !::TIFFReadRGBAImageOriented(file.get(), static_cast<std::uint32_t>(size.width),
                                            static_cast<std::uint32_t>(size.height), raster.data(), orientation, 1))
    fail_decoder(place, "libtiff cannot decode it");
  reshape(out, size, 3);
  for (std::size_t i = 0; i < raster.size(); ++i) {
    out.pixels[3 * i] = static_cast<std::uint8_t>(TIFFGetR(raster[i]));
    out.pixels[3 * i + 1] = static_cast<std::uint8_t>(TIFFGetG(raster[i]));
    out.pixels[3 * i + 2] = static_cast<std::uint8_t>(TIFFGetB(raster[i]));
  }
}

#else

inline constexpr bool tiff_is_there = false;

[[noreturn]] ODT_INLINE void decode_tiff(std::string_view, std::string_view place, size2, image&) {
  fail(place,
       ": is a TIFF picture, and this program was compiled without libtiff (Debian's libtiff-dev); convert it to "
       "PNG (ImageMagick's convert a.tif a.png)");
}

ODT_INLINE outline read_tiff_outline(std::string_view bytes, std::string_view place) {
  image none;
  decode_tiff(bytes, place, {}, none);
}

#endif

}  // namespace detail::picture

}  // namespace odt
