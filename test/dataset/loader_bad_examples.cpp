// SPDX-License-Identifier: MIT
// Examples that a loader cannot use, and files that it cannot read.
#include "loader_files.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>

using namespace odt::test;

BOOST_AUTO_TEST_SUITE(loader_bad_examples_tests)

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

BOOST_AUTO_TEST_SUITE_END()
