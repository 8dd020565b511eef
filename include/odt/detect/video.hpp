// SPDX-License-Identifier: MIT
// Videos, frame by frame, through the program ffmpeg, where it is installed.
#pragma once

#include <odt/core/image.hpp>
#include <odt/io/piped_command.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace odt {

inline constexpr std::array<std::string_view, 8> video_endings{".mp4",  ".mov", ".avi", ".mkv",
                                                               ".webm", ".m4v", ".mpg", ".mpeg"};

/// By its ending, in any case.
bool is_video_name(std::string_view path);

/// The frames of a video, upright, in their order.
class video_reader {
 public:
  /// An error where ffmpeg is not installed, or the file is no video.
  explicit video_reader(std::string path);

  /// False at the end; an error where the video cannot be decoded to its end.
  bool next(image& frame);

  const std::string& frames_per_second() const { return rate_; }  ///< "30000/1001"
  std::int64_t frames() const { return frames_; }                 ///< as the file says; 0: it does not

 private:
  void look_into();

  std::string path_, rate_;
  std::int64_t frames_ = 0;
  std::unique_ptr<piped_command> decoder_;
};

/// Writes an H.264 video (.mp4), with the sound of another one where `sound_of` names it. The file is there once
/// `finish` has returned.
class video_writer {
 public:
  video_writer(std::string path, const std::string& frames_per_second, const std::string& sound_of = {});
  ~video_writer();
  video_writer(const video_writer&) = delete;
  video_writer& operator=(const video_writer&) = delete;

  void write(const image& frame);  ///< all of one size, with three channels
  void finish();

 private:
  [[noreturn]] void fail_to_write();

  std::string path_, unfinished_;
  std::unique_ptr<piped_command> encoder_;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/detect/video.ipp>
#endif
