// SPDX-License-Identifier: MIT
// TensorBoard's event files: TFRecords of scalars, images, texts and histograms under tags, and of graphs.
#pragma once

#include <odt/core/image.hpp>
#include <odt/io/file_writer.hpp>
#include <odt/io/tfrecord.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace odt {

/// Appends to directory/events.out.tfevents.<seconds>.<host>. Not for use by two threads at once. Nothing is sure to
/// be in the file before `flush`; the destructor flushes too, but cannot report a full disk.
class event_writer {
 public:
  explicit event_writer(const std::string& directory);
  ~event_writer();

  void scalar(std::string_view tag, float value, std::int64_t step);

  /// A PNG summary; TensorFlow's tags of several images in a row are "tag/0", "tag/1", ...: that is the caller's.
  void image(std::string_view tag, const odt::image& picture, std::int64_t step);

  /// A text for TensorBoard's text page (Markdown).
  void text(std::string_view tag, std::string_view markdown, std::int64_t step);

  /// How values are spread, in TensorFlow's buckets: each a tenth wider than the one nearer to 0.
  void histogram(std::string_view tag, std::span<const float> values, std::int64_t step);

  /// A serialized GraphDef, for TensorBoard's page of graphs.
  void graph(std::string_view definition);

  void flush();
  void close();  ///< flushes, and reports what the system has to say at the end of a file
  const std::string& path() const { return file_.path(); }

 private:
  void write(std::string_view serialized);

  append_writer file_;
};

/// One value of an event file.
struct event {
  enum class kind { version, scalar, picture, text, histogram, graph, other };

  kind what = kind::other;
  double wall_time = 0;  ///< seconds since 1970
  std::int64_t step = 0;
  std::string tag;
  float value = 0;    ///< of a scalar
  std::string bytes;  ///< a picture's file, the version's text
  int height = 0;     ///< of a picture
  int width = 0;
};

/// Reads event files one value after the other. A last record that is not complete (the writer still runs, or was
/// killed) ends the file.
class event_reader {
 public:
  explicit event_reader(std::string path);

  bool next(event& out);

  /// Whether the file ended within a record.
  bool cut_short() const { return cut_short_; }

 private:
  std::string path_, record_;
  record_reader records_;
  std::vector<event> pending_;  ///< of the record read last, in reverse
  bool cut_short_ = false;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/event_file.ipp>
#endif
