// SPDX-License-Identifier: MIT
// From JPEG records to batches: first checks that the batches do not depend on the number of threads, then times the
// stages of one image and the whole loader; then a photo's whole path beside libjpeg-turbo's decoding alone, for the
// photos of a folder or drawn ones.
// usage: bench_loader [--images N] [--height H] [--width W] [--batches N] [--photos DIR] [--rounds N]
#include <odt/augmentations/random_distort_color.hpp>
#include <odt/augmentations/random_horizontal_flip.hpp>
#include <odt/augmentations/ssd_random_crop.hpp>
#include <odt/core/error.hpp>
#include <odt/dataset/loader.hpp>
#include <odt/io/example.hpp>
#include <odt/io/tfrecord.hpp>

#if defined(ODT_HAS_TURBOJPEG)
#include "photo_path.hpp"
#endif

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

double milliseconds(clock_type::time_point begin) {
  return std::chrono::duration<double, std::milli>(clock_type::now() - begin).count();
}

/// A smooth picture with edges, about as hard to decode as a photo.
odt::image photo(int number, odt::size2 size) {
  odt::image result(size.height, size.width, 3);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      for (int c = 0; c < 3; ++c) {
        const float wave =
            std::sin(static_cast<float>(x * (c + 1) + number) * 0.07f) * std::cos(static_cast<float>(y) * 0.11f);
        const int edge = (x / 37 + y / 23 + number) % 5 * 12;
        result.at(y, x)[c] =
            static_cast<std::uint8_t>(std::clamp(110.0f + 80.0f * wave + static_cast<float>(edge), 0.0f, 255.0f));
      }
  return result;
}

void write_records(const std::string& path, int images, odt::size2 size) {
  odt::record_writer writer(path);
  for (int i = 0; i < images; ++i) {
    odt::example e;
    e.encoded = odt::encode_jpeg(photo(i, size), 90);
    e.format = "jpeg";
    e.source_id = std::to_string(i);
    e.height = size.height, e.width = size.width;
    odt::labelled_object o;
    o.bounds = {0.2f, 0.3f, 0.7f, 0.6f};
    o.label = 1;
    e.objects = {o};
    writer.write(odt::serialize_example(e));
  }
  writer.commit();
}

/// Median milliseconds of a call.
template <class Call>
double time_of(Call&& call) {
  std::vector<double> times;
  for (int i = 0; i < 31; ++i) {
    const auto begin = clock_type::now();
    call();
    times.push_back(milliseconds(begin));
  }
  std::ranges::nth_element(times, times.begin() + 15);
  return times[15];
}

void time_stages(odt::size2 size) {
  const std::string encoded = odt::encode_jpeg(photo(0, size), 90);
  const odt::image decoded = odt::decode_image(encoded, "bench");
  const auto transform = odt::pixel_transform::minus_one_to_one();
  const auto resizer = odt::image_resizer::fixed_shape({300, 300});
  std::vector<float> out(300 * 300 * 3);
  odt::resize_scratch scratch;
  odt::picture pixels;
  std::printf("%-48s %8.3f ms\n", "decode", time_of([&] { odt::decode_image(encoded, "bench"); }));
  std::printf("%-48s %8.3f ms\n", "transform + resize to 300x300", time_of([&] {
                pixels.open(decoded);
                resize(resizer, transform, pixels, out.data(), scratch);
              }));
  std::printf("%-48s %8.3f ms\n", "flip + crop to 3/4 + transform + resize", time_of([&] {
                pixels.open(decoded);
                pixels.flip_horizontally();
                pixels.crop(size.height / 8, size.width / 8, {size.height * 3 / 4, size.width * 3 / 4});
                resize(resizer, transform, pixels, out.data(), scratch);
              }));
  std::printf("%-48s %8.3f ms\n", "distort colors", time_of([&] {
                odt::labels truth;
                odt::recipe steps;
                pixels.open(decoded);
                odt::sketch sketch(truth, pixels.size(), steps);
                odt::random_distort_color{}.decide(sketch, {0.1f, 1.2f, 0.1f, 0.8f});
                follow(steps, pixels);
              }));
}

void time_loader(odt::loader_options o, int batches) {
  odt::loader from(std::move(o));
  odt::batch b;
  from.next(b);
  const auto begin = clock_type::now();
  for (int i = 0; i < batches; ++i) from.next(b);
  const double seconds = milliseconds(begin) / 1000;
  std::printf("%-48s %8.1f images/s\n", "loader", batches * b.size / seconds);
}

int argument(int argc, char** argv, const std::string& name, int otherwise) {
  for (int i = 1; i + 1 < argc; ++i)
    if (argv[i] == name) return std::atoi(argv[i + 1]);
  return otherwise;
}

#if defined(ODT_HAS_TURBOJPEG)
void time_photos(int argc, char** argv, odt::size2 size) {
  std::string folder;
  for (int i = 1; i + 1 < argc; ++i)
    if (argv[i] == std::string("--photos")) folder = argv[i + 1];
  const int most = argument(argc, argv, "--images", folder.empty() ? 32 : 1 << 20);
  std::vector<std::string> photos;
  if (!folder.empty()) photos = odt::bench::read_photos(folder, static_cast<std::size_t>(most));
  for (int i = 0; folder.empty() && i < most; ++i) photos.push_back(odt::encode_jpeg(photo(i, size), 90));
  std::printf("%zu photos %s, one thread, in turns:\n", photos.size(), folder.empty() ? "drawn" : folder.c_str());
  for (const bool crop : {false, true})
    odt::bench::compare_with_peer(photos, crop, argument(argc, argv, "--rounds", 15));
}
#else
void time_photos(int, char**, odt::size2) {}
#endif

}  // namespace

int main(int argc, char** argv) try {
  const odt::size2 size{argument(argc, argv, "--height", 375), argument(argc, argv, "--width", 500)};
  const auto path = (std::filesystem::temp_directory_path() / "odt_bench_loader.record").string();
  write_records(path, argument(argc, argv, "--images", 32), size);

  odt::loader_options o;
  o.input_path = {path};
  o.transform = odt::pixel_transform::minus_one_to_one();
  o.augmentations.push_back(odt::random_horizontal_flip{});
  o.augmentations.push_back(odt::ssd_random_crop{});
  o.batch_size = 8;
  odt::batch one, two;
  odt::loader(o).next(one);
  o.threads = 2;
  odt::loader(o).next(two);
  if (one.images != two.images || one.boxes != two.boxes) odt::fail("two threads make other batches than one");

  std::printf("%dx%d JPEG, median of 31 calls on one thread\n", size.height, size.width);
  time_stages(size);
  for (const int threads : {1, 2}) {
    o.threads = threads;
    std::printf("%d thread(s): ", threads);
    time_loader(o, argument(argc, argv, "--batches", 40));
  }
  std::filesystem::remove(path);
  time_photos(argc, argv, size);
} catch (const std::exception& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
