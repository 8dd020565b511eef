// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/detect/video.hpp>
#include <odt/io/file.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <span>
#include <utility>

namespace odt {

namespace detail::video {

inline constexpr int not_found = 127;  // a shell's status where there is no such program

[[noreturn]] ODT_INLINE void fail_without_ffmpeg(const std::string& path) {
  fail(path, ": videos are read and written by ffmpeg and ffprobe, which are not installed (Debian's package ffmpeg)");
}

ODT_INLINE std::string all_output(piped_command& command) {
  std::string text;
  char buffer[4096];
  while (const std::size_t count = command.read(buffer)) text.append(buffer, count);
  return text;
}

/// The value of "name=value" in lines of such; empty where there is none.
ODT_INLINE std::string value_of(std::string_view name, std::string_view lines) {
  const std::string beginning = str("\n", name, "=");
  const std::string text = str("\n", lines);
  const std::size_t at = text.find(beginning);
  if (at == std::string::npos) return {};
  return text.substr(at + beginning.size(), text.find('\n', at + 1) - at - beginning.size());
}

ODT_INLINE std::int64_t whole_number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// The numbers of a PPM picture's header ("P6 width height 255"); false at the end of the stream.
ODT_INLINE bool read_header(piped_command& from, int& width, int& height) {
  char letters[3] = {};
  if (from.read(letters) != 3) return false;
  int largest = 0;
  for (int* number : {&width, &height, &largest}) {
    *number = 0;
    char c = 0;
    while (from.read({&c, 1}) == 1 && c >= '0' && c <= '9') *number = *number * 10 + (c - '0');
  }
  return letters[0] == 'P' && letters[1] == '6' && width > 0 && height > 0 && largest == 255;
}

}  // namespace detail::video

ODT_INLINE bool is_video_name(std::string_view path) {
  std::string name(path);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::ranges::any_of(video_endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

// video_reader

ODT_INLINE video_reader::video_reader(std::string path) : path_(std::move(path)) {
  static_cast<void>(file_size(path_));  // says why it cannot be read
  look_into();
  decoder_ = std::make_unique<piped_command>(
      str("ffmpeg -nostdin -v error -i file:", shell_word(path_), " -map 0:v:0 -f image2pipe -c:v ppm -"),
      piped_command::direction::read);
}

ODT_INLINE void video_reader::look_into() {
  namespace d = detail::video;
  piped_command probe(str("ffprobe -v error -select_streams v:0 -show_entries stream=avg_frame_rate,nb_frames -of ",
                          "default=noprint_wrappers=1 file:", shell_word(path_)),
                      piped_command::direction::read);
  const std::string text = d::all_output(probe);
  const int status = probe.close();
  if (status == d::not_found) d::fail_without_ffmpeg(path_);
  rate_ = d::value_of("avg_frame_rate", text);
  if (status != 0 || rate_.empty()) fail(path_, ": is no video that ffprobe knows: ", probe.complaints());
  if (d::whole_number(rate_) == 0) rate_ = "25";  // as ffmpeg takes it where a file does not say
  frames_ = d::whole_number(d::value_of("nb_frames", text));
}

ODT_INLINE bool video_reader::next(image& frame) {
  int height = 0, width = 0;
  if (detail::video::read_header(*decoder_, width, height)) {
    frame = image(height, width, 3);
    const std::span bytes(reinterpret_cast<char*>(frame.pixels.data()), frame.pixels.size());
    if (decoder_->read(bytes) == bytes.size()) return true;
  }
  if (decoder_->close() != 0 || !decoder_->complaints().empty())
    fail(path_, ": cannot be decoded to its end: ", decoder_->complaints());
  return false;
}

// video_writer

ODT_INLINE video_writer::video_writer(std::string path, const std::string& frames_per_second,
                                      const std::string& sound_of)
    : path_(std::move(path)), unfinished_(unfinished_name(path_) + ".mp4") {
  const std::string sound = sound_of.empty() ? "" : str(" -i file:", shell_word(sound_of), " -map '1:a?' -c:a aac");
  encoder_ = std::make_unique<piped_command>(
      str("ffmpeg -v error -y -f image2pipe -c:v ppm -framerate ", shell_word(frames_per_second), " -i -", sound,
          " -map 0:v -vf 'pad=ceil(iw/2)*2:ceil(ih/2)*2' -pix_fmt yuv420p -movflags +faststart file:",
          shell_word(unfinished_)),
      piped_command::direction::write);
}

ODT_INLINE video_writer::~video_writer() {
  encoder_.reset();
  remove_file(unfinished_);
}

ODT_INLINE void video_writer::write(const image& frame) {
  const std::string header = str("P6\n", frame.width, " ", frame.height, "\n255\n");
  const std::span pixels(reinterpret_cast<const char*>(frame.pixels.data()), frame.pixels.size());
  if (!encoder_->write(header) || !encoder_->write(pixels)) fail_to_write();
}

ODT_INLINE void video_writer::finish() {
  if (encoder_->close() != 0) fail_to_write();
  std::filesystem::rename(unfinished_, path_);
}

ODT_INLINE void video_writer::fail_to_write() {
  if (encoder_->close() == detail::video::not_found) detail::video::fail_without_ffmpeg(path_);
  fail(path_, ": ffmpeg cannot write it: ", encoder_->complaints());
}

}  // namespace odt
