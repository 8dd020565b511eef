// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/jpeg_rows.hpp>

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

ODT_INLINE unsigned byte_at(std::string_view bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0u;
}

ODT_INLINE std::uint32_t big_endian(std::string_view bytes, std::size_t at, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = (value << 8) | byte_at(bytes, at + static_cast<std::size_t>(i));
  return value;
}

/// EXIF orientation from a TIFF block; 1 when it has none.
ODT_INLINE int read_orientation(std::string_view tiff) {
  const bool little = tiff.starts_with("II");
  if (!little && !tiff.starts_with("MM")) return 1;
  const auto number = [&](std::size_t at, int count) {
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i) {
      const int shift = 8 * (little ? i : count - 1 - i);
      value |= std::uint32_t{byte_at(tiff, at + static_cast<std::size_t>(i))} << shift;
    }
    return value;
  };
  const std::size_t directory = number(4, 4);
  const std::uint32_t entries = directory + 2 <= tiff.size() ? number(directory, 2) : 0;
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + std::size_t{12} * i;
    if (entry + 12 > tiff.size()) return 1;
    if (number(entry, 2) != 0x0112) continue;
    const std::uint32_t value = number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

/// What the markers of a JPEG and the chunks of a PNG say.
struct outline {
  image_info info;
  bool has_size = false;
  bool complete = false;  ///< up to the end marker
  bool adobe = false;     ///< JPEG: has Adobe's marker, so CMYK is stored inverted
  bool damaged = false;   ///< PNG: a chunk's checksum is wrong
  std::size_t damaged_at = 0;
};

/// The place of the marker behind a scan's entropy-coded bytes.
ODT_INLINE std::size_t end_of_scan(std::string_view bytes, std::size_t at) {
  for (;; ++at) {
    at = bytes.find('\xff', at);
    if (at == std::string_view::npos) return bytes.size();
    const unsigned next = byte_at(bytes, at + 1);
    if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) return at;
  }
}

ODT_INLINE void read_frame(std::string_view segment, outline& out) {
  out.has_size = segment.size() >= 6;
  out.info.bits = static_cast<int>(byte_at(segment, 0));
  out.info.height = static_cast<int>(big_endian(segment, 1, 2));
  out.info.width = static_cast<int>(big_endian(segment, 3, 2));
  out.info.channels = static_cast<int>(byte_at(segment, 5));
}

ODT_INLINE outline read_jpeg_outline(std::string_view bytes, bool to_the_end) {
  outline out;
  out.info.format = image_format::jpeg;
  for (std::size_t at = 2; at < bytes.size();) {
    at = bytes.find('\xff', at);
    if (at == std::string_view::npos) break;
    while (byte_at(bytes, at) == 0xff) ++at;
    const unsigned marker = byte_at(bytes, at++);
    if (marker == 0xd9) {
      out.complete = true;
      break;
    }
    if (marker <= 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    const std::size_t length = big_endian(bytes, at, 2);
    if (length < 2 || at + length > bytes.size()) break;
    const std::string_view segment = bytes.substr(at + 2, length - 2);
    const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame) read_frame(segment, out);
    if (frame && !to_the_end) break;
    if (marker == 0xe1 && segment.starts_with(std::string_view("Exif\0\0", 6)))
      out.info.orientation = read_orientation(segment.substr(6));
    if (marker == 0xee && segment.starts_with("Adobe")) out.adobe = true;
    at += length;
    if (marker == 0xda) at = end_of_scan(bytes, at);
  }
  return out;
}

ODT_INLINE outline read_png_outline(std::string_view bytes) {
  outline out;
  out.info.format = image_format::png;
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    const std::size_t length = big_endian(bytes, at, 4);
    if (length > bytes.size() - at - 12) break;
    const std::string_view type = bytes.substr(at + 4, 4), data = bytes.substr(at + 8, length);
    const auto* const checked = reinterpret_cast<const Bytef*>(type.data());
    if (!out.damaged && ::crc32(0, checked, static_cast<uInt>(length + 4)) != big_endian(bytes, at + 8 + length, 4)) {
      out.damaged = true;
      out.damaged_at = at;
    }
    if (type == "IHDR" && length >= 13) {
      constexpr int channels[8] = {1, 0, 3, 3, 2, 0, 4, 0};
      out.has_size = true;
      const auto side = [&](std::size_t place) {
        return static_cast<int>(std::min<std::uint32_t>(big_endian(data, place, 4), 0x7fffffff));
      };
      out.info.width = side(0);
      out.info.height = side(4);
      out.info.bits = static_cast<int>(byte_at(data, 8));
      out.info.channels = channels[byte_at(data, 9) & 7];
    }
    if (type == "eXIf") out.info.orientation = read_orientation(data);
    if (type == "IEND") {
      out.complete = true;
      break;
    }
    at += 12 + length;
  }
  return out;
}

ODT_INLINE outline read_outline(std::string_view bytes, std::string_view place, bool to_the_end) {
  if (bytes.empty()) fail(place, ": the image is empty (0 bytes); a JPEG or PNG file is expected");
  outline out;
  if (bytes.starts_with("\xff\xd8\xff"))
    out = read_jpeg_outline(bytes, to_the_end);
  else if (bytes.starts_with("\x89PNG\r\n\x1a\n"))
    out = read_png_outline(bytes);
  else
    fail(place, ": neither a JPEG nor a PNG file (", bytes.size(), " bytes); convert the image to one of them");
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

[[noreturn]] ODT_INLINE void fail_decoder(std::string_view place, std::string_view why) {
  fail(place, ": the image is damaged: ", why, "; fetch or save it anew");
}

/// Makes the image that large and keeps its memory.
ODT_INLINE void reshape(image& out, size2 size, int channels) {
  out.height = size.height, out.width = size.width, out.channels = channels;
  out.pixels.resize(static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) *
                    static_cast<std::size_t>(channels));
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
    fail("cannot encode an image of ", source.height, " x ", source.width, " x ", source.channels, " with ",
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
  if (seen.info.format == image_format::png || options.decoder == jpeg_decoder::stb)
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
    fail("cannot encode a PNG of ", source.height, " x ", source.width, ": out of memory");
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
    fail("cannot encode a JPEG of ", source.height, " x ", source.width);
  return out;
#endif
}

ODT_INLINE void write_image(const std::string& path, const image& source) {
  std::string ending = path.substr(std::min(path.rfind('.'), path.size()));
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (ending == ".png") return write_file(path, encode_png(source));
  if (ending == ".jpg" || ending == ".jpeg") return write_file(path, encode_jpeg(source));
  fail(path, ": images are written as .png, .jpg or .jpeg");
}

}  // namespace odt
