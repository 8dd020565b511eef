// SPDX-License-Identifier: MIT
// What a photo costs on one core: from the bytes of its JPEG to its flipped, cropped, resized and normalized pixels in
// the batch, beside libjpeg-turbo's decoding alone.
#pragma once

#include <odt/augmentations/random_horizontal_flip.hpp>
#include <odt/augmentations/ssd_random_crop.hpp>
#include <odt/core/error.hpp>
#include <odt/image_resizer.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>

#include <turbojpeg.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace odt::bench {

/// The peer: one decoder and one buffer for all photos.
class turbojpeg_decoder {
 public:
  const image& decode(const std::string& bytes) {
    const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
    int width = 0, height = 0, sampling = 0, colors = 0;
    if (::tjDecompressHeader3(handle_.get(), data, bytes.size(), &width, &height, &sampling, &colors) != 0)
      fail("libjpeg-turbo: ", ::tjGetErrorStr2(handle_.get()));
    pixels_.height = height, pixels_.width = width;
    const auto values = static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3;
    if (pixels_.pixels.size() < values) pixels_.pixels.resize(values);
    ::tjDecompress2(handle_.get(), data, bytes.size(), pixels_.pixels.data(), width, 0, height, TJPF_RGB,
                    TJFLAG_FASTDCT);
    return pixels_;
  }

 private:
  std::unique_ptr<void, int (*)(tjhandle)> handle_{::tjInitDecompress(), ::tjDestroy};
  image pixels_;
};

/// As a sample_maker does it, with the buffers of one thread.
class photo_path {
 public:
  explicit photo_path(bool crop) {
    chain_.push_back(random_horizontal_flip{});
    if (crop) chain_.push_back(ssd_random_crop{});
  }

  static constexpr size2 size{300, 300};
  static constexpr std::size_t values = 300 * 300 * 3;

  void run(const std::string& bytes, std::uint64_t sample, float* out) {
    decoder_.open(bytes, "photo", pixels_);
    truth_.boxes.assign(1, {0.2f, 0.3f, 0.7f, 0.6f});
    truth_.classes.assign(1, 0);
    truth_.weights.assign(1, 1.0f);
    steps_.clear();
    chain_.draw(truth_, pixels_.size(), 1, sample, steps_);
    follow(steps_, pixels_);
    resize(image_resizer::fixed_shape(size), pixel_transform::minus_one_to_one(), pixels_, out, scratch_);
  }

  /// What the last run did.
  const recipe& steps() const { return steps_; }

 private:
  augmentation_chain chain_;
  image_decoder decoder_;
  labels truth_;
  recipe steps_;
  picture pixels_;
  resize_scratch scratch_;
};

/// The same in plain loops, one step after the other.
inline std::vector<float> plain_path(const image& decoded, const recipe& steps) {
  const pixel_transform change = pixel_transform::minus_one_to_one();
  float_image now(decoded.height, decoded.width, 3);
  for (std::size_t i = 0; i < now.pixels.size(); ++i)
    now.pixels[i] = change(static_cast<float>(decoded.pixels[i]), static_cast<int>(i % 3));
  for (const pixel_op& op : steps) {
    const bool crop = op.what == pixel_op::kind::crop;
    const pixel_window part = crop ? op.window : pixel_window{0, 0, now.size()};
    float_image next(part.size.height, part.size.width, 3);
    for (int y = 0; y < next.height; ++y)
      for (int x = 0; x < next.width; ++x)
        std::copy_n(crop ? now.at(part.top + y, part.left + x) : now.at(y, now.width - 1 - x), 3, next.at(y, x));
    now = std::move(next);
  }
  std::vector<float> out;
  const auto at = [](int i, int in, int side) {
    const float place = static_cast<float>(i) * (static_cast<float>(in) / static_cast<float>(side));
    const int low = static_cast<int>(std::floor(place));
    return std::tuple(low, std::min(low + 1, in - 1), place - static_cast<float>(low));
  };
  for (int y = 0; y < photo_path::size.height; ++y)
    for (int x = 0; x < photo_path::size.width; ++x) {
      const auto [top, bottom, down] = at(y, now.height, photo_path::size.height);
      const auto [left, right, across] = at(x, now.width, photo_path::size.width);
      for (int c = 0; c < 3; ++c) {
        const auto mix = [](float a, float b, float share) { return a + (b - a) * share; };
        const float above = mix(now.at(top, left)[c], now.at(top, right)[c], across);
        const float below = mix(now.at(bottom, left)[c], now.at(bottom, right)[c], across);
        out.push_back(mix(above, below, down));
      }
    }
  return out;
}

/// The JPEGs of a folder, at most `most`.
inline std::vector<std::string> read_photos(const std::filesystem::path& folder, std::size_t most) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (const auto end = entry.path().extension(); end == ".jpg" || end == ".jpeg") paths.push_back(entry.path());
  std::ranges::sort(paths);
  if (paths.empty()) fail(folder.string(), ": no .jpg files");
  if (paths.size() > most) paths.resize(most);
  std::vector<std::string> photos;
  for (const auto& path : paths) photos.push_back(read_file(path.string()));
  return photos;
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

template <class Call>
double milliseconds_of(Call&& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

/// Checks the path against the plain one, then times it and the peer in turns; each photo counts with the median of its
/// rounds, and beside that with the fastest, which other work on the machine disturbs least.
inline void compare_with_peer(const std::vector<std::string>& photos, bool crop, int rounds) {
  constexpr std::size_t places = 24;  // of three batches of eight
  std::vector<float> batches(places * photo_path::values);
  turbojpeg_decoder peer;
  photo_path path(crop);
  double theirs = 0, ours = 0, their_best = 0, our_best = 0;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < photos.size(); ++i) {
    float* const first = batches.data();
    path.run(photos[i], i, first);
    if (plain_path(decode_image(photos[i], "photo"), path.steps()) != std::vector(first, first + photo_path::values))
      fail("photo ", i, " differs from the plain path");
    std::vector<double> a, b;
    for (int round = 0; round < rounds; ++round) {
      float* const out = batches.data() + (i + static_cast<std::size_t>(round)) % places * photo_path::values;
      a.push_back(milliseconds_of([&] { peer.decode(photos[i]); }));
      b.push_back(milliseconds_of([&] { path.run(photos[i], i, out); }));
    }
    theirs += median(a), ours += median(b);
    their_best += std::ranges::min(a), our_best += std::ranges::min(b);
    ratios.push_back(median(b) / median(a));
  }
  const auto n = static_cast<double>(photos.size());
  std::printf("%-12s libjpeg-turbo %7.3f ms, odt %7.3f ms a photo: ratio %.3f (median of the photos' %.3f)\n",
              crop ? "flip + crop" : "flip", theirs / n, ours / n, ours / theirs, median(ratios));
  std::printf("%-12s libjpeg-turbo %7.3f ms, odt %7.3f ms a photo: ratio %.3f\n", "  fastest", their_best / n,
              our_best / n, our_best / their_best);
}

}  // namespace odt::bench
