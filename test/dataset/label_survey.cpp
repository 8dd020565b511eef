// SPDX-License-Identifier: MIT
#include <odt/dataset/label_survey.hpp>

#include <scratch.hpp>

#include <odt/io/example.hpp>
#include <odt/io/tfrecord.hpp>

#include <boost/test/unit_test.hpp>

namespace {

using odt::test::scratch_directory;

odt::labelled_object object(const odt::boxf& bounds, std::string text) {
  odt::labelled_object made;
  made.bounds = bounds;
  made.text = std::move(text);
  return made;
}

constexpr odt::boxf good{0.1f, 0.2f, 0.6f, 0.7f}, in_pixels{12, 16, 36, 48};

std::string record(const std::vector<odt::labelled_object>& objects, odt::size2 size = {}) {
  odt::example e;
  e.height = size.height, e.width = size.width;
  e.encoded = "no picture at all: it is not looked at";
  e.source_id = "a.jpg";
  e.objects = objects;
  return odt::serialize_example(e);
}

odt::label_survey survey(const std::vector<std::string>& records, int every = 1) {
  const scratch_directory at;
  {
    odt::record_writer writer(at / "a.record");
    for (const auto& one : records) writer.write(one);
    writer.commit();
  }
  odt::loader_options o;
  o.input_path = {at / "a.record"};
  o.classes = odt::label_map::from_names({"cat", "dog"});
  o.sample_1_of_n_examples = every;
  o.resizer = odt::image_resizer::keep_aspect_ratio(60, 100);
  return odt::survey_labels(odt::record_set(o.input_path), o);
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(label_survey_tests)

BOOST_AUTO_TEST_CASE(objects_are_counted_by_what_they_are_worth) {
  const auto s =
      survey({record({object(good, "cat"), object(good, "Cat")}), record({}), record({object(good, "dog")})});
  BOOST_TEST(s.images == 3u);
  BOOST_TEST(s.objects == 3u);
  BOOST_TEST(s.usable_objects == 2u);
  BOOST_TEST(s.unusable_images == 0u);
  BOOST_TEST(
      contains(s.first_problem, "record 0 (byte 0) (a.jpg): object 1: the class \"Cat\" is not in the label map"));
}

BOOST_AUTO_TEST_CASE(an_image_of_whose_objects_none_can_be_used_is_told_from_one_without_objects) {
  const auto s = survey({record({}), record({object(in_pixels, "cat"), object(good, "cow")})});
  BOOST_TEST(s.unusable_images == 1u);
  BOOST_TEST(contains(s.first_unusable_image, "record 1 "));
  BOOST_TEST(contains(s.first_unusable_image, "none of its 2 objects can be used: object 0: box (ymin 12, xmin 16"));
  BOOST_TEST(contains(s.first_unusable_image, "object 1: the class \"cow\""));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_example_are_unusable_images) {
  const auto s = survey({"nonsense", record({object(good, "cat")})});
  BOOST_TEST(s.images == 2u);
  BOOST_TEST(s.unusable_images == 1u);
  BOOST_TEST(contains(s.first_unusable_image, "8 bytes that are not a tf.Example"));
}

BOOST_AUTO_TEST_CASE(the_largest_input_is_that_of_the_records_sizes) {
  const auto s = survey({record({}, {300, 400}), record({}, {50, 30}), record({}, {100, 400})});
  BOOST_TEST(s.unsized_images == 0u);
  BOOST_TEST((s.largest_input == odt::size2{100, 60}));  // the longest side of all, but 25 x 100 are fewer pixels
  BOOST_TEST(survey({record({}, {300, 400}), record({})}).unsized_images == 1u);
}

BOOST_AUTO_TEST_CASE(only_the_examples_of_an_epoch_count) {
  const std::string bad = record({object(in_pixels, "cat")}), fine = record({object(good, "cat")});
  const auto s = survey({fine, bad, fine, bad, fine}, 2);
  BOOST_TEST(s.images == 3u);
  BOOST_TEST(s.unusable_images == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
