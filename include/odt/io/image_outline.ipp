// SPDX-License-Identifier: MIT
// What the structure of an image file tells without decoding: its format, size and whether it is whole.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/text_file.hpp>

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace odt {

namespace detail::picture {

ODT_INLINE unsigned byte_at(std::string_view bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0u;
}

ODT_INLINE std::uint32_t little_endian(std::string_view bytes, std::size_t at, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value |= byte_at(bytes, at + static_cast<std::size_t>(i)) << (8 * i);
  return value;
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
    return little ? little_endian(tiff, at, count) : big_endian(tiff, at, count);
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

/// What the markers of a JPEG, the chunks of a PNG and the like say.
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

/// The end of a GIF's chain of sub-blocks.
ODT_INLINE std::size_t end_of_blocks(std::string_view bytes, std::size_t at) {
  while (const std::size_t length = byte_at(bytes, at)) at += 1 + length;
  return at + 1;
}

/// Complete with its first frame.
ODT_INLINE outline read_gif_outline(std::string_view bytes) {
  const auto table_bytes = [&](std::size_t flags) {
    const unsigned packed = byte_at(bytes, flags);
    return packed & 0x80u ? std::size_t{3} << ((packed & 7u) + 1) : 0;
  };
  outline out;
  out.info.format = image_format::gif;
  out.info.width = static_cast<int>(little_endian(bytes, 6, 2));
  out.info.height = static_cast<int>(little_endian(bytes, 8, 2));
  out.info.channels = 3;
  out.has_size = bytes.size() >= 13;
  for (std::size_t at = 13 + table_bytes(10); at < bytes.size();) {
    const unsigned kind = byte_at(bytes, at);
    if (kind == 0x21) {
      at = end_of_blocks(bytes, at + 2);
    } else if (kind == 0x2c) {
      out.complete = end_of_blocks(bytes, at + 11 + table_bytes(at + 9)) <= bytes.size();
      break;
    } else {
      break;
    }
  }
  return out;
}

ODT_INLINE outline read_bmp_outline(std::string_view bytes) {
  outline out;
  out.info.format = image_format::bmp;
  const bool short_header = little_endian(bytes, 14, 4) == 12;  // OS/2's
  out.has_size = bytes.size() >= (short_header ? 26 : 34);
  const auto width = static_cast<std::int32_t>(little_endian(bytes, 18, short_header ? 2 : 4));
  const auto height = static_cast<std::int32_t>(little_endian(bytes, short_header ? 20 : 22, short_header ? 2 : 4));
  const std::uint32_t bits = little_endian(bytes, short_header ? 24 : 28, 2);
  const std::uint32_t compression = short_header ? 0 : little_endian(bytes, 30, 4);
  out.info.width = width;
  out.info.height =
      height == std::numeric_limits<std::int32_t>::min() ? 0 : std::abs(height);  // negative: from the top
  out.info.channels = bits == 32 ? 4 : 3;
  const std::uint64_t row = (std::uint64_t{bits} * static_cast<std::uint32_t>(std::max(width, 0)) + 31) / 32 * 4;
  const bool plain = compression == 0 || compression == 3;
  out.complete =
      !plain || little_endian(bytes, 10, 4) + row * static_cast<std::uint32_t>(out.info.height) <= bytes.size();
  return out;
}

/// What a file is that is no picture, or none that can be read, and what to do.
ODT_INLINE std::string strange_file(std::string_view bytes) {
  if (const std::string_view mistaken = mistaken_content(bytes); !mistaken.empty()) return std::string(mistaken);
  if (bytes.starts_with(std::string_view("\0\x05\x16\x07", 4)))
    return "holds macOS' notes on a file, not a picture; it can be removed";
  const std::string_view brand = bytes.substr(std::min<std::size_t>(bytes.size(), 4), 8);
  if (brand == "ftypavif" || brand == "ftypavis")
    return "is an AVIF picture, which is not read; convert it to PNG or JPEG";
  for (const std::string_view heic : {"ftypheic", "ftypheix", "ftypmif1", "ftyphevc"})
    if (brand == heic)
      return "is a HEIC picture, which is not read; convert it to PNG or JPEG (heif-convert a.heic a.jpg)";
  return str("is no picture that can be read (", bytes.size(),
             " bytes), by its content: neither JPEG nor PNG, WebP, BMP, GIF, TIFF; convert it to one of them");
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

}  // namespace detail::picture

}  // namespace odt
