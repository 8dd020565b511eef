// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/jpeg_rows.hpp>

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#if defined(ODT_HAS_JPEGLIB)
#include <jpeglib.h>
#endif

namespace odt {

ODT_INLINE bool detail::jpeg::harmless(std::string_view warning) {
  return warning.find("Premature") == std::string_view::npos &&
         (warning.find("Corrupt") == std::string_view::npos || warning.find("extraneous") != std::string_view::npos);
}

#if defined(ODT_HAS_JPEGLIB)

namespace detail::jpeg {

/// Where libjpeg's errors and warnings go.
struct reports {
  ::jpeg_error_mgr manager{};  ///< first: libjpeg knows a pointer to it
  std::jmp_buf* on_error = nullptr;
  char text[JMSG_LENGTH_MAX] = {};  ///< the error, or a warning that leaves the picture in pieces
};

ODT_INLINE reports& of(::j_common_ptr of_whom) { return *reinterpret_cast<reports*>(of_whom->err); }

[[noreturn]] ODT_INLINE void give_up(::j_common_ptr of_whom) {
  of_whom->err->format_message(of_whom, of(of_whom).text);
  std::longjmp(*of(of_whom).on_error, 1);
}

/// Only warnings count.
ODT_INLINE void take_message(::j_common_ptr of_whom, int level) {
  if (level >= 0 || of(of_whom).text[0]) return;
  char text[JMSG_LENGTH_MAX];
  of_whom->err->format_message(of_whom, text);
  if (!harmless(text)) std::copy_n(text, sizeof text, of(of_whom).text);
}

}  // namespace detail::jpeg

struct jpeg_rows::state {
  ::jpeg_decompress_struct decoder{};
  detail::jpeg::reports reports;
  std::string_view bytes, place;
  size2 size;
  bool started = false;
  int first = 0;    ///< column of the picture where the decoded rows begin
  int columns = 0;  ///< of a decoded row
  int next = 0;     ///< the row behind the decoded ones
  int held = 0;     ///< decoded rows in the buffer: the last ones before `next`
  std::vector<std::uint8_t> buffer;
  std::size_t stride = 0;  ///< from a decoded row to the next

  static constexpr int most = 16;    ///< rows decoded at once: those of the largest block
  static constexpr int border = 32;  ///< pixels beside a part, and rows above it, so that its chroma finds neighbours

  state() {
    decoder.err = ::jpeg_std_error(&reports.manager);
    reports.manager.error_exit = detail::jpeg::give_up;
    reports.manager.emit_message = detail::jpeg::take_message;
    ::jpeg_create_decompress(&decoder);
  }
  ~state() { ::jpeg_destroy_decompress(&decoder); }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  /// Calls libjpeg; what it complains about is thrown.
  template <class Call>
  void guarded(const Call& call) {
    if (tried(call) && !reports.text[0]) return;
    const std::string why = reports.text;
    close();
    fail(place, ": the image is damaged: ", why, "; fetch or save it anew");
  }

  /// Holds nothing that a jump could leave behind.
  template <class Call>
  bool tried(const Call& call) {
    std::jmp_buf here;
    reports.on_error = &here;
    if (setjmp(here)) return false;
    call();
    return true;
  }

  void close() {
    ::jpeg_abort_decompress(&decoder);
    started = false;
    reports.text[0] = 0;
  }

  /// Half a vector beside an aligned place: to aligned rows libjpeg-turbo writes past the caches, and reading them back
  /// takes longer than all the rest.
  std::uint8_t* buffered(int number) {
    const auto base = reinterpret_cast<std::uintptr_t>(buffer.data());
    return buffer.data() + ((base + 31) / 32 * 32 + 16 - base) + stride * static_cast<std::size_t>(number);
  }

  bool can_give(int y, int left, int width) const {
    return y >= next - held && left >= first && left + width <= first + columns;
  }

  void start(int top, int left, int width) {
    close();
    guarded([&] {
      ::jpeg_mem_src(&decoder, reinterpret_cast<const unsigned char*>(bytes.data()),
                     static_cast<unsigned long>(bytes.size()));
      ::jpeg_read_header(&decoder, TRUE);
      decoder.out_color_space = JCS_RGB;
      decoder.dct_method = JDCT_FASTEST;  // gives TensorFlow's pixels, bit for bit
      ::jpeg_start_decompress(&decoder);
    });
    const size2 found{static_cast<int>(decoder.output_height), static_cast<int>(decoder.output_width)};
    if (found != size) fail(place, ": the image is damaged: it has two sizes; fetch or save it anew");
    started = true;
    next = held = 0;
    narrow(left, width);
    stride = (static_cast<std::size_t>(columns) * 3 + 31) / 32 * 32;
    buffer.resize(stride * most + 64);
    if (top > border) skip(top - border);
  }

  void narrow(int left, int width) {
    first = 0, columns = size.width;
    if (left <= border && left + width + border >= size.width) return;
    ::JDIMENSION begin = static_cast<::JDIMENSION>(std::max(left - border, 0));
    ::JDIMENSION count = static_cast<::JDIMENSION>(std::min(left + width + border, size.width)) - begin;
    guarded([&] { ::jpeg_crop_scanline(&decoder, &begin, &count); });
    first = static_cast<int>(begin), columns = static_cast<int>(count);
  }

  void skip(int rows) {
    guarded([&] { ::jpeg_skip_scanlines(&decoder, static_cast<::JDIMENSION>(rows)); });
    next += rows;
  }

  void decode_some() {
    ::JSAMPROW rows[most];
    for (int i = 0; i < most; ++i) rows[i] = buffered(i);
    guarded([&] {
      const int wanted = std::min(most, size.height - next);
      for (held = 0; held < wanted;)
        held +=
            static_cast<int>(::jpeg_read_scanlines(&decoder, rows + held, static_cast<::JDIMENSION>(wanted - held)));
    });
    next += held;
  }
};

ODT_INLINE jpeg_rows::jpeg_rows() : state_(std::make_unique<state>()) {}
ODT_INLINE bool jpeg_rows::available() { return true; }

ODT_INLINE void jpeg_rows::open(std::string_view bytes, std::string_view place, size2 size) {
  state_->close();
  state_->bytes = bytes, state_->place = place, state_->size = size;
}

ODT_INLINE const std::uint8_t* jpeg_rows::row(int y, int left, int width) {
  state& s = *state_;
  if (!s.started || !s.can_give(y, left, width)) s.start(y, left, width);
  while (s.next <= y) s.decode_some();
  return s.buffered(y - (s.next - s.held)) + std::ptrdiff_t{3} * (left - s.first);
}

#else

struct jpeg_rows::state {};

ODT_INLINE jpeg_rows::jpeg_rows() = default;
ODT_INLINE bool jpeg_rows::available() { return false; }
ODT_INLINE void jpeg_rows::open(std::string_view, std::string_view place, size2) { fail(place, ": no libjpeg-turbo"); }
ODT_INLINE const std::uint8_t* jpeg_rows::row(int, int, int) { return nullptr; }

#endif

ODT_INLINE jpeg_rows::~jpeg_rows() = default;

}  // namespace odt
