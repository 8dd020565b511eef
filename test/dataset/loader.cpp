// SPDX-License-Identifier: MIT
#include <odt/dataset/loader.hpp>

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>

#include <odt/augmentations/random_horizontal_flip.hpp>
#include <odt/augmentations/random_pad_image.hpp>
#include <odt/augmentations/ssd_random_crop.hpp>
#include <odt/core/log.hpp>
#include <odt/dataset/record_set.hpp>
#include <odt/io/example.hpp>
#include <odt/io/tfrecord.hpp>

#include "raw_images.hpp"

BOOST_AUTO_TEST_SUITE(loader_tests)

namespace {

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

odt::example picture(int number, int height = 24, int width = 32, int boxes = 2) {
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

std::vector<std::string> pictures(int count, int first = 0) {
  std::vector<std::string> result;
  for (int i = 0; i < count; ++i)
    result.push_back(odt::serialize_example(picture(first + i, 20 + i % 5, 30 - i % 7, i % 4)));
  return result;
}

odt::loader_options options(const records& files, const std::string& pattern = "*.record") {
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

std::vector<odt::batch> take(odt::loader& from, int count) {
  std::vector<odt::batch> result;
  for (int i = 0; i < count; ++i) {
    odt::batch b;
    if (!from.next(b)) break;
    result.push_back(std::move(b));
  }
  return result;
}

std::vector<odt::batch> take(const odt::loader_options& o, int count) {
  odt::loader from(o);
  return take(from, count);
}

bool same(const odt::batch& a, const odt::batch& b) {
  return a.size == b.size && a.images == b.images && a.counts == b.counts && a.boxes == b.boxes &&
         a.classes == b.classes && a.weights == b.weights && a.true_sizes == b.true_sizes &&
         a.original_sizes == b.original_sizes && a.ids == b.ids && a.first_sample == b.first_sample;
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const odt::error& e) {
    return e.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_CASE(batches_are_the_same_bits_for_any_number_of_threads) {
  records files;
  files.write("a.record", pictures(9));
  files.write("b.record", pictures(5, 9));
  auto o = options(files);
  const auto expected = take(o, 12);
  BOOST_REQUIRE(expected.size() == 12);
  for (const int threads : {2, 3, 4}) {
    o.threads = threads;
    o.prefetch = threads;
    const auto batches = take(o, 12);
    for (std::size_t i = 0; i < batches.size(); ++i) BOOST_TEST(same(batches[i], expected[i]));
  }
}

BOOST_AUTO_TEST_CASE(a_run_goes_on_from_any_sample) {
  records files;
  files.write("a.record", pictures(10));
  auto o = options(files);
  const auto expected = take(o, 9);
  o.first_sample = 4 * 5;
  o.threads = 2;
  const auto rest = take(o, 4);
  BOOST_REQUIRE(rest.size() == 4);
  for (std::size_t i = 0; i < rest.size(); ++i) BOOST_TEST(same(rest[i], expected[i + 5]));
  BOOST_TEST(rest[0].first_sample == 20);
}

BOOST_AUTO_TEST_CASE(raw_images_become_the_finished_ones_bit_for_bit) {
  records files;
  files.write("a.record", pictures(9));
  const auto crop = odt::image_resizer::fixed_shape({16, 16}), pad = odt::image_resizer::keep_aspect_ratio(9, 20, true);
  for (const auto& resizer : {crop, pad})
    for (const auto& chain : {odt::augmentation_chain(), options(files).augmentations, odt::test::whole_catalogue()}) {
      auto o = options(files);
      o.resizer = resizer;
      o.augmentations = chain;
      auto raw = o;
      raw.raw = true;
      raw.threads = 3;
      const auto expected = take(o, 6), batches = take(raw, 6);
      BOOST_REQUIRE(batches.size() == 6);
      for (std::size_t i = 0; i < batches.size(); ++i) {
        odt::batch b = batches[i];
        BOOST_TEST(b.images.empty());
        BOOST_REQUIRE(b.raws.size() == 4);
        BOOST_CHECK_NO_THROW(odt::check_raws(b));
        b.images = odt::test::images_of(b);
        BOOST_TEST(same(b, expected[i]));
      }
    }
}

BOOST_AUTO_TEST_CASE(raw_images_hold_what_a_crop_leaves_and_no_more_than_the_image) {
  records files;
  files.write("a.record", pictures(8));
  auto o = options(files);
  o.raw = true;
  o.augmentations = {};
  o.augmentations.push_back(odt::random_horizontal_flip{});
  o.augmentations.push_back(odt::ssd_random_crop{});
  int cropped = 0;
  for (const auto& b : take(o, 6))
    for (std::size_t i = 0; i < b.raws.size(); ++i) {
      cropped += b.raws[i].picture.size() != b.original_sizes[i];
      BOOST_TEST(b.raws[i].finished.empty());
      BOOST_TEST(b.raws[i].steps.size() <= 1u);  // the flip
    }
  BOOST_TEST(cropped > 6);
  o.resizer = odt::image_resizer::fixed_shape({9, 9});  // 972 bytes as floats
  int finished = 0;
  for (const auto& b : take(o, 6))
    for (const auto& raw : b.raws) {
      finished += !raw.finished.empty();
      if (raw.finished.empty()) BOOST_TEST(raw.picture.pixels.size() <= 976u);
    }
  BOOST_TEST(finished > 6);
  BOOST_TEST(finished < 24);
}

BOOST_AUTO_TEST_CASE(raw_images_of_different_sizes_come_one_by_one) {
  records files;
  files.write("a.record", pictures(6));
  auto o = options(files);
  o.resizer = odt::image_resizer::keep_aspect_ratio(16, 32);
  o.batch_size = 1;
  const auto expected = take(o, 6);
  o.raw = true;
  const auto batches = take(o, 6);
  for (std::size_t i = 0; i < batches.size(); ++i) BOOST_TEST((odt::test::images_of(batches[i]) == expected[i].images));
}

BOOST_AUTO_TEST_CASE(evaluations_take_no_raw_images) {
  records files;
  files.write("a.record", pictures(6));
  auto o = options(files);
  o.evaluation = o.raw = true;
  BOOST_TEST(has(message_of([&] { odt::loader l(o); }), "not raw ones"));
}

BOOST_AUTO_TEST_CASE(seeds_differ_and_epochs_too) {
  records files;
  files.write("a.record", pictures(8));
  auto o = options(files);
  const auto first = take(o, 4);
  BOOST_TEST((first[0].images != first[2].images));
  o.seed = 12;
  BOOST_TEST(!same(take(o, 1)[0], first[0]));
}

BOOST_AUTO_TEST_CASE(an_epoch_has_every_example_once) {
  records files;
  files.write("a.record", pictures(6));
  files.write("b.record", pictures(6, 6));
  std::vector<std::string> ids;
  for (const auto& b : take(options(files), 3)) ids.insert(ids.end(), b.ids.begin(), b.ids.end());
  std::ranges::sort(ids);
  BOOST_TEST(ids.size() == 12);
  BOOST_TEST((std::ranges::unique(ids).empty()));
}

BOOST_AUTO_TEST_CASE(finite_runs_drop_the_last_incomplete_batch) {
  records files;
  files.write("a.record", pictures(5));
  auto o = options(files);
  o.num_epochs = 2;
  BOOST_TEST(take(o, 99).size() == 2);
  o.batch_size = 11;
  BOOST_TEST(has(message_of([&] { odt::loader l(o); }), "10"));
  BOOST_TEST(has(message_of([&] { odt::loader l(o); }), "do not fill a batch of 11"));
}

BOOST_AUTO_TEST_CASE(every_nth_example_is_taken_on_demand) {
  records files;
  files.write("a.record", pictures(7));
  auto o = options(files);
  o.shuffle = false;
  o.sample_1_of_n_examples = 3;
  o.batch_size = 3;
  odt::loader from(o);
  BOOST_TEST(from.size() == 3);
  BOOST_TEST(take(from, 1)[0].ids == (std::vector<std::string>{"0", "3", "6"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(pixels_and_boxes_arrive_as_the_record_has_them) {
  records files;
  files.write("a.record", {odt::serialize_example(picture(3, 16, 16, 3))});
  auto o = options(files);
  o.augmentations = {};
  o.batch_size = 1;
  const auto b = take(o, 1).at(0);
  const auto source = odt::decode_image(picture(3, 16, 16, 3).encoded, "test");
  for (std::size_t i = 0; i < source.pixels.size(); ++i)
    BOOST_REQUIRE(b.images[i] == o.transform(static_cast<float>(source.pixels[i]), static_cast<int>(i % 3)));
  BOOST_TEST(b.counts[0] == 3);
  BOOST_TEST((b.boxes[1] == picture(3, 16, 16, 3).objects[1].bounds));
  BOOST_TEST(b.classes[1] == 1);
  BOOST_TEST(b.weights[2] == 1.0f);
  BOOST_TEST(b.weights[3] == 0.0f);
  BOOST_TEST(b.ids[0] == "3");
}

BOOST_AUTO_TEST_CASE(boxes_are_relative_to_the_padded_input) {
  records files;
  files.write("a.record", {odt::serialize_example(picture(1, 10, 20, 1))});
  auto o = options(files);
  o.augmentations = {};
  o.batch_size = 2;
  o.resizer = odt::image_resizer::keep_aspect_ratio(16, 32, true);
  const auto b = take(o, 1).at(0);
  BOOST_TEST(b.height == 32);
  BOOST_TEST((b.true_sizes[0] == odt::size2{16, 32}));
  BOOST_TEST(b.boxes[0].ymax == 0.3f, boost::test_tools::tolerance(1e-6f));
  BOOST_TEST(b.boxes[0].xmax == 0.75f, boost::test_tools::tolerance(1e-6f));
  BOOST_TEST(b.images.back() == 0.0f);
}

BOOST_AUTO_TEST_CASE(images_of_different_sizes_need_batches_of_one) {
  records files;
  files.write("a.record", pictures(6));
  auto o = options(files);
  o.resizer = odt::image_resizer::keep_aspect_ratio(16, 32);
  BOOST_TEST(has(message_of([&] { odt::loader l(o); }), "pad_to_max_dimension"));
  o.batch_size = 1;
  o.threads = 3;
  const auto batches = take(o, 6);
  for (const auto& b : batches) BOOST_TEST(b.images.size() == static_cast<std::size_t>(b.height * b.width * 3));
  BOOST_TEST(batches.size() == 6);
}

BOOST_AUTO_TEST_CASE(too_many_boxes_are_reported_once_and_the_first_ones_taken) {
  records files;
  files.write("a.record", {odt::serialize_example(picture(1, 20, 20, 11))});
  auto o = options(files);
  o.augmentations = {};
  const auto batches = take(o, 3);
  BOOST_TEST(batches[0].counts[0] == 8);
  BOOST_TEST(files.warnings.size() == 1);
  BOOST_TEST(has(files.warnings.at(0), "11 boxes"));
  BOOST_TEST(has(files.warnings.at(0), "record 0"));
}

BOOST_AUTO_TEST_CASE(images_without_boxes_and_gray_images_work) {
  records files;
  odt::image gray(9, 5, 1);
  std::ranges::fill(gray.pixels, std::uint8_t{100});
  auto e = picture(0, 9, 5, 0);
  e.encoded = odt::encode_png(gray);
  auto tiny = picture(1, 1, 1, 0);
  files.write("a.record", {odt::serialize_example(e), odt::serialize_example(tiny)});
  const auto batches = take(options(files), 5);
  BOOST_TEST(batches.size() == 5);
  for (const auto& b : batches)
    for (const int count : b.counts) BOOST_TEST(count == 0);
}

BOOST_AUTO_TEST_CASE(a_bad_example_ends_the_run_and_names_its_place) {
  records files;
  auto bad = picture(2);
  bad.encoded.resize(bad.encoded.size() / 2);
  files.write("a.record", {odt::serialize_example(picture(0)), odt::serialize_example(picture(1)),
                           odt::serialize_example(bad), odt::serialize_example(picture(3))});
  auto o = options(files);
  o.shuffle = false;
  o.batch_size = 2;
  o.threads = 3;
  odt::loader from(o);
  odt::batch b;
  BOOST_TEST(from.next(b));
  const auto text = message_of([&] { from.next(b); });
  BOOST_TEST(has(text, "a.record"));
  BOOST_TEST(has(text, "record 2"));
  BOOST_CHECK_THROW(from.next(b), odt::error);  // and stays so
}

BOOST_AUTO_TEST_CASE(a_skipped_example_is_replaced_by_the_same_one_for_any_number_of_threads) {
  records files;
  auto examples = pictures(9);
  examples[3] = "no example";
  examples[5] = "neither";
  files.write("a.record", examples);
  auto o = options(files);
  o.on_bad_example = odt::bad_example::skip;
  odt::loader from(o);
  const auto expected = take(from, 8);
  BOOST_TEST(from.skipped().size() == 2);
  BOOST_TEST(has(from.skipped()[0], "record 3"));
  BOOST_TEST(has(from.skipped()[1], "record 5"));
  o.threads = 4;
  const auto batches = take(o, 8);
  for (std::size_t i = 0; i < batches.size(); ++i) BOOST_TEST(same(batches[i], expected[i]));
}

BOOST_AUTO_TEST_CASE(a_set_of_bad_examples_alone_is_an_error) {
  records files;
  files.write("a.record", {"no example", "no example"});
  auto o = options(files);
  o.on_bad_example = odt::bad_example::skip;
  BOOST_TEST(has(message_of([&] { take(o, 1); }), "none of the 2 examples"));
}

BOOST_AUTO_TEST_CASE(a_damaged_record_is_found_when_it_is_read) {
  records files;
  files.write("a.record", pictures(3));
  odt::record_file intact(files.path("a.record"));
  {
    std::fstream file(files.path("a.record"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(intact.positions()[1].offset + 20));
    file.put('!');
  }
  auto o = options(files);
  o.shuffle = false;
  BOOST_TEST(has(message_of([&] { take(o, 1); }), "record 1"));
}

BOOST_AUTO_TEST_CASE(files_without_records_are_an_error_unless_others_have_some) {
  records files;
  files.write("empty.record", {});
  BOOST_TEST(has(message_of([&] { odt::loader l(options(files)); }), "no records"));
  files.write("full.record", pictures(2));
  BOOST_TEST(take(options(files), 1).size() == 1);
  BOOST_TEST(has(message_of([&] { odt::loader l(options(files, "other*")); }), "other"));
}

BOOST_AUTO_TEST_CASE(evaluation_takes_all_examples_once_in_order) {
  records files;
  files.write("a.record", pictures(6));
  auto o = options(files);
  o.evaluation = true;
  o.threads = 3;
  const auto batches = take(o, 99);
  BOOST_REQUIRE(batches.size() == 2);
  BOOST_TEST(batches[0].ids == (std::vector<std::string>{"0", "1", "2", "3"}), boost::test_tools::per_element());
  const auto& last = batches[1];
  BOOST_TEST(last.size == 2);
  BOOST_TEST(last.images.size() == 4u * 16 * 16 * 3);
  BOOST_TEST(last.images.back() == 0.0f);
  BOOST_TEST(last.ids[1] == "5");
  BOOST_TEST(last.groundtruth[1].size() == 1);
  BOOST_TEST((last.originals[1].size() == last.original_sizes[1]));
  BOOST_TEST(last.groundtruth[1].areas.size() == 1);
  o.max_examples = 3;
  BOOST_TEST(take(o, 99).at(0).size == 3);
}

BOOST_AUTO_TEST_CASE(evaluation_leaves_skipped_examples_out) {
  records files;
  auto examples = pictures(7);
  examples[1] = examples[4] = "no example";
  files.write("a.record", examples);
  auto o = options(files);
  o.evaluation = true;
  o.on_bad_example = odt::bad_example::skip;
  const auto batches = take(o, 99);
  BOOST_REQUIRE(batches.size() == 2);
  BOOST_TEST(batches[0].size == 3);
  BOOST_TEST(batches[0].ids[1] == "2");
  BOOST_TEST((batches[0].originals[1].size() == batches[0].original_sizes[1]));
  BOOST_TEST(batches[0].ids[3].empty());
  BOOST_TEST(batches[1].size == 2);
  BOOST_TEST(batches[1].ids[0] == "5");
}

BOOST_AUTO_TEST_CASE(the_fingerprint_follows_the_data_and_not_its_directory) {
  records files;
  files.write("a.record", pictures(3));
  const auto before = odt::loader(options(files)).fingerprint();
  fs::create_directories(files.directory / "moved");
  fs::copy(files.path("a.record"), files.directory / "moved");
  BOOST_TEST(odt::loader(options(files, "moved/a.record")).fingerprint() == before);
  files.write("a.record", pictures(4));
  BOOST_TEST(odt::loader(options(files)).fingerprint() != before);
}

BOOST_AUTO_TEST_CASE(the_contents_follow_every_byte_and_not_the_names_of_files) {
  records files;
  files.write("a.record", pictures(3));
  const auto before = odt::loader(options(files)).contents();
  fs::rename(files.path("a.record"), files.path("b.record"));
  BOOST_TEST(odt::loader(options(files)).contents() == before);
  auto changed = pictures(3);
  auto relabelled = picture(1, 21, 29, 1);
  relabelled.objects[0].bounds.ymin += 0.125f;
  changed[1] = odt::serialize_example(relabelled);
  BOOST_REQUIRE(changed[1].size() == pictures(3)[1].size());
  files.write("b.record", changed);
  BOOST_TEST(odt::loader(options(files)).contents() != before);
  auto every_other = options(files);
  every_other.sample_1_of_n_examples = 2;
  BOOST_TEST(odt::loader(every_other).contents() != odt::loader(options(files)).contents());
}

BOOST_AUTO_TEST_CASE(records_that_are_open_already_are_taken) {
  records files;
  files.write("a.record", pictures(5));
  auto o = options(files);
  const auto expected = take(o, 3);
  o.records = std::make_shared<const odt::record_set>(o.input_path);
  fs::remove(files.path("a.record"));
  const auto batches = take(o, 3);
  for (std::size_t i = 0; i < batches.size(); ++i) BOOST_TEST(same(batches[i], expected[i]));
}

BOOST_AUTO_TEST_CASE(an_image_of_whose_objects_none_can_be_used_is_a_bad_example) {
  records files;
  auto useless = picture(1), half = picture(2);
  for (auto& object : useless.objects) object.bounds = {12, 16, 36, 48};
  half.objects[0].bounds = {12, 16, 36, 48};
  files.write("a.record", {odt::serialize_example(picture(0)), odt::serialize_example(useless),
                           odt::serialize_example(half), odt::serialize_example(picture(3, 24, 32, 0))});
  auto o = options(files);
  o.augmentations = {};
  const auto message = message_of([&] { take(o, 2); });
  BOOST_TEST(has(message, "record 1 "));
  BOOST_TEST(has(message, "none of its 2 objects can be used: object 0: box (ymin 12"));
  o.on_bad_example = odt::bad_example::skip;
  for (const bool evaluation : {false, true}) {
    o.evaluation = evaluation;
    o.max_boxes = 8;
    odt::loader from(o);
    for (const auto& b : take(from, 1))
      for (int i = 0; i < b.size; ++i) BOOST_TEST(b.ids[static_cast<std::size_t>(i)] != "1");
    BOOST_TEST(from.skipped().size() == 1u);
  }
}

BOOST_AUTO_TEST_CASE(buffers_go_round) {
  records files;
  files.write("a.record", pictures(8));
  auto o = options(files);
  o.prefetch = 1;
  odt::loader from(o);
  odt::batch b;
  std::set<const float*> buffers;
  for (int i = 0; i < 12; ++i) {
    from.next(b);
    buffers.insert(b.images.data());
  }
  BOOST_TEST(buffers.size() <= 3);  // two slots and the caller's
  BOOST_TEST(from.waited() >= 0.0);
}

BOOST_AUTO_TEST_CASE(a_loader_ends_while_its_threads_are_busy) {
  records files;
  files.write("a.record", pictures(8));
  auto o = options(files);
  o.threads = 4;
  for (int i = 0; i < 20; ++i) odt::loader from(o);
  BOOST_TEST(files.warnings.empty());
}

BOOST_AUTO_TEST_SUITE_END()
