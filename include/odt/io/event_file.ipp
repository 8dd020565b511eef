// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/event_file.hpp>
#include <odt/io/histogram.hpp>
#include <odt/io/image_file.hpp>

#include <odt/event.pb.h>
#include <odt/io/file.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

namespace odt {

namespace detail::events {

inline constexpr int string_type = 7;  // TensorFlow's number

ODT_INLINE double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

ODT_INLINE std::string new_path(const std::string& directory) {
  make_directories(directory);
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') std::strcpy(host.data(), "host");
  const auto seconds = static_cast<std::int64_t>(seconds_since_1970());
  std::string path = join_path(directory, str("events.out.tfevents.", seconds, ".", host.data()));
  if (!file_exists(path)) return path;
  int number = 1;
  while (file_exists(str(path, ".", number))) ++number;
  return str(path, ".", number);
}

ODT_INLINE proto::Event new_event(std::int64_t step) {
  proto::Event event;
  event.set_wall_time(seconds_since_1970());
  event.set_step(step);
  return event;
}

ODT_INLINE proto::Summary::Value& new_value(proto::Event& event, std::string_view tag) {
  auto& value = *event.mutable_summary()->add_value();
  value.set_tag(tag.data(), tag.size());
  return value;
}

/// A scalar that newer TensorFlow wrote as a tensor of one float.
ODT_INLINE bool read_tensor_scalar(const proto::SummaryTensor& tensor, float& value) {
  if (tensor.float_val_size() == 1)
    value = tensor.float_val(0);
  else if (tensor.dtype() == 1 && tensor.tensor_content().size() == sizeof(float))
    std::memcpy(&value, tensor.tensor_content().data(), sizeof(float));
  else
    return false;
  return true;
}

ODT_INLINE event to_event(proto::Summary::Value& value, double wall_time, std::int64_t step) {
  event out{.wall_time = wall_time, .step = step, .tag = value.tag(), .bytes = {}};
  if (value.has_simple_value()) {
    out.what = event::kind::scalar;
    out.value = value.simple_value();
  } else if (value.has_image()) {
    out.what = event::kind::picture;
    out.height = value.image().height();
    out.width = value.image().width();
    out.bytes = std::move(*value.mutable_image()->mutable_encoded_image_string());
  } else if (value.has_histo()) {
    out.what = event::kind::histogram;
  } else if (value.has_tensor() && read_tensor_scalar(value.tensor(), out.value)) {
    out.what = event::kind::scalar;
  } else if (value.has_tensor() && value.tensor().string_val_size() == 1) {
    out.what = event::kind::text;
    out.bytes = value.tensor().string_val(0);
  }
  return out;
}

ODT_INLINE std::vector<event> to_events(proto::Event& message) {
  std::vector<event> out;
  if (message.has_summary()) {
    for (auto& value : *message.mutable_summary()->mutable_value())
      out.push_back(to_event(value, message.wall_time(), message.step()));
    return out;
  }
  event single{.wall_time = message.wall_time(), .step = message.step(), .tag = {}, .bytes = {}};
  if (message.what_case() == proto::Event::kFileVersion) {
    single.what = event::kind::version;
    single.bytes = message.file_version();
  } else if (message.what_case() == proto::Event::kGraphDef || message.what_case() == proto::Event::kMetaGraphDef) {
    single.what = event::kind::graph;
  }
  out.push_back(std::move(single));
  return out;
}

}  // namespace detail::events

ODT_INLINE event_writer::event_writer(const std::string& directory) : file_(detail::events::new_path(directory)) {
  proto::Event first = detail::events::new_event(0);
  first.set_file_version("brain.Event:2");
  write(first.SerializeAsString());
  flush();
}

ODT_INLINE event_writer::~event_writer() = default;

ODT_INLINE void event_writer::scalar(std::string_view tag, float value, std::int64_t step) {
  proto::Event event = detail::events::new_event(step);
  detail::events::new_value(event, tag).set_simple_value(value);
  write(event.SerializeAsString());
}

ODT_INLINE void event_writer::image(std::string_view tag, const odt::image& picture, std::int64_t step) {
  proto::Event event = detail::events::new_event(step);
  auto& out = *detail::events::new_value(event, tag).mutable_image();
  out.set_height(picture.height);
  out.set_width(picture.width);
  out.set_colorspace(picture.channels);
  out.set_encoded_image_string(encode_png(picture));
  write(event.SerializeAsString());
}

ODT_INLINE void event_writer::text(std::string_view tag, std::string_view markdown, std::int64_t step) {
  proto::Event event = detail::events::new_event(step);
  auto& value = detail::events::new_value(event, tag);
  value.mutable_metadata()->mutable_plugin_data()->set_plugin_name("text");
  auto& tensor = *value.mutable_tensor();
  tensor.set_dtype(detail::events::string_type);
  tensor.mutable_tensor_shape()->add_dim()->set_size(1);
  tensor.add_string_val(markdown.data(), markdown.size());
  write(event.SerializeAsString());
}

ODT_INLINE void event_writer::histogram(std::string_view tag, std::span<const float> values, std::int64_t step) {
  const odt::histogram counted(values);
  proto::Event event = detail::events::new_event(step);
  auto& out = *detail::events::new_value(event, tag).mutable_histo();
  out.set_min(counted.min);
  out.set_max(counted.max);
  out.set_num(counted.num);
  out.set_sum(counted.sum);
  out.set_sum_squares(counted.sum_squares);
  for (const odt::histogram::bucket& one : counted.buckets) {
    out.add_bucket_limit(one.limit);
    out.add_bucket(one.count);
  }
  write(event.SerializeAsString());
}

ODT_INLINE void event_writer::graph(std::string_view definition) {
  proto::Event event = detail::events::new_event(0);
  event.set_graph_def(definition.data(), definition.size());
  write(event.SerializeAsString());
}

ODT_INLINE void event_writer::write(std::string_view serialized) { file_.write(frame_record(serialized)); }

ODT_INLINE void event_writer::flush() { file_.flush(); }

ODT_INLINE void event_writer::close() { file_.close(); }

ODT_INLINE event_reader::event_reader(std::string path)
    : path_(std::move(path)), records_(path_, record_compression::none) {}

ODT_INLINE bool event_reader::next(event& out) {
  while (pending_.empty()) {
    if (cut_short_ || !records_.next(record_, &cut_short_)) return false;
    proto::Event message;
    if (!message.ParseFromString(record_)) fail(records_.place(), ": not an event");
    pending_ = detail::events::to_events(message);
    std::ranges::reverse(pending_);
  }
  out = std::move(pending_.back());
  pending_.pop_back();
  return true;
}

}  // namespace odt
