// SPDX-License-Identifier: MIT
// Record files of made pictures, and loaders of them.
#pragma once

#include <odt/augmentations/random_horizontal_flip.hpp>
#include <odt/augmentations/random_pad_image.hpp>
#include <odt/augmentations/ssd_random_crop.hpp>
#include <odt/core/log.hpp>
#include <odt/dataset/loader.hpp>
#include <odt/io/example.hpp>
#include <odt/io/tfrecord.hpp>

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace odt::test {

namespace fs = std::filesystem;

/// A directory of record files that vanishes with it, and the warnings said meanwhile.
struct records {
  fs::path directory = fs::temp_directory_path() / ("odt_loader_" + std::to_string(::getpid()));
  std::vector<std::string> warnings;
  std::mutex mutex;

  records() {
    fs::create_directories(directory);
    odt::set_log_sink([this](odt::log_level, std::string_view text) {
      const std::lock_guard lock(mutex);
      warnings.emplace_back(text);
    });
  }
  ~records() {
    odt::set_log_sink({});
    fs::remove_all(directory);
  }

  std::string path(const std::string& name) const { return (directory / name).string(); }

  void write(const std::string& name, const std::vector<std::string>& serialized) const {
    odt::record_writer writer(path(name));
    for (const auto& one : serialized) writer.write(one);
    writer.commit();
  }
};

inline odt::example picture(int number, int height = 24, int width = 32, int boxes = 2) {
  odt::image pixels(height, width, 3);
  for (std::size_t i = 0; i < pixels.pixels.size(); ++i)
    pixels.pixels[i] = static_cast<std::uint8_t>((i * 7 + static_cast<std::size_t>(number) * 31) % 251);
  odt::example e;
  e.encoded = odt::encode_png(pixels);
  e.format = "png";
  e.filename = "photo" + std::to_string(number) + ".png";
  e.source_id = std::to_string(number);
  e.height = height, e.width = width;
  for (int b = 0; b < boxes; ++b) {
    odt::labelled_object o;
    const float at = 0.1f + 0.01f * static_cast<float>(b % 40);
    o.bounds = {at, 0.25f, at + 0.5f, 0.75f};
    o.label = b % 3 + 1;
    e.objects.push_back(o);
  }
  return e;
}

inline std::vector<std::string> pictures(int count, int first = 0) {
  std::vector<std::string> result;
  for (int i = 0; i < count; ++i)
    result.push_back(odt::serialize_example(picture(first + i, 20 + i % 5, 30 - i % 7, i % 4)));
  return result;
}

inline odt::loader_options options(const records& files, const std::string& pattern = "*.record") {
  odt::loader_options o;
  o.input_path = {files.path(pattern)};
  o.resizer = odt::image_resizer::fixed_shape({16, 16});
  o.transform = odt::pixel_transform::minus_one_to_one();
  o.augmentations.push_back(odt::random_horizontal_flip{});
  o.augmentations.push_back(odt::ssd_random_crop{});
  o.augmentations.push_back(odt::random_pad_image{});
  o.batch_size = 4;
  o.max_boxes = 8;
  o.seed = 11;
  return o;
}

inline std::vector<odt::batch> take(odt::loader& from, int count) {
  std::vector<odt::batch> result;
  for (int i = 0; i < count; ++i) {
    odt::batch b;
    if (!from.next(b)) break;
    result.push_back(std::move(b));
  }
  return result;
}

inline std::vector<odt::batch> take(const odt::loader_options& o, int count) {
  odt::loader from(o);
  return take(from, count);
}

inline bool same(const odt::batch& a, const odt::batch& b) {
  return a.size == b.size && a.images == b.images && a.counts == b.counts && a.boxes == b.boxes &&
         a.classes == b.classes && a.weights == b.weights && a.true_sizes == b.true_sizes &&
         a.original_sizes == b.original_sizes && a.ids == b.ids && a.first_sample == b.first_sample;
}

inline std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const odt::error& e) {
    return e.what();
  }
  return "";
}

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace odt::test
