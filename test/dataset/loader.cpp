// SPDX-License-Identifier: MIT
#include <odt/dataset/loader.hpp>

#include "loader_files.hpp"
#include "raw_images.hpp"

#include <odt/dataset/record_set.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <set>

using namespace odt::test;

BOOST_AUTO_TEST_SUITE(loader_tests)

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

BOOST_AUTO_TEST_CASE(shares_of_the_batches_are_the_whole) {
  records files;
  files.write("a.record", pictures(10));
  auto o = options(files);
  o.first_sample = 4 * 3;
  const auto expected = take(o, 12);
  for (const int first : {0, 2, 4}) {
    auto mine = o;
    mine.share = {.first = first, .count = 2, .all = 6};
    mine.threads = 2;
    const auto got = take(mine, 4);
    BOOST_REQUIRE(got.size() == 4);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const std::size_t number = i / 2 * 6 + static_cast<std::size_t>(first) + i % 2;
      BOOST_TEST(same(got[i], expected[number]));
      BOOST_TEST(got[i].first_sample == expected[number].first_sample);
    }
  }
}

BOOST_AUTO_TEST_CASE(shares_end_together_and_those_of_an_evaluation_have_every_example) {
  records files;
  files.write("a.record", pictures(11));
  auto o = options(files);
  o.num_epochs = 2;
  std::size_t images = 0;
  for (const int first : {0, 1}) {
    auto mine = o;
    mine.share = {.first = first, .count = 1, .all = 2};
    BOOST_TEST(take(mine, 100).size() == 2u);  // 22 examples are 2 times 2 batches of 4, and 6 more
    mine.evaluation = true, mine.shuffle = false, mine.num_epochs = 0, mine.augmentations = {};
    for (const odt::batch& b : take(mine, 100)) images += static_cast<std::size_t>(b.size);
  }
  BOOST_TEST(images == 11u);
  o.share = {.first = 1, .count = 2, .all = 2};
  BOOST_CHECK_THROW(odt::loader{o}, odt::error);
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
