// SPDX-License-Identifier: MIT
#include <odt/detect/detect_images.hpp>

#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/piped_command.hpp>

#include <scratch.hpp>
#include <train/toy_detector.hpp>

#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>

namespace {

using odt::detection_format;
using odt::finder;
using odt::read_file;
using odt::test::check_error;
using odt::test::scratch_directory;

/// Finds one object of each of two classes in every picture.
struct finding_detector final : odt::test::toy_detector {
  finding_detector() : toy_detector(0, 2) {}
  odt::detections detect(const odt::image&) override {
    return {{{0.25f, 0.25f, 0.75f, 0.5f}, 0, 0.8f}, {{0, 0, 0.5f, 0.5f}, 1, 0.3f}};
  }
};

odt::ready_detector ready() {
  odt::ready_detector made;
  made.model = std::make_unique<finding_detector>();
  made.labels = odt::label_map::from_names({"cat", "dog"});
  return made;
}

std::string write_picture(const std::string& path) {
  odt::write_file(path, odt::encode_png(odt::image(48, 64)));
  return path;
}

odt::detect_summary detect(const scratch_directory& at, odt::detect_options how, const odt::find_options& what = {}) {
  how.output = at / "found";
  const odt::ready_detector source = ready();
  return odt::detect_images(finder(source, what), {at / "a.png"}, how);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(detect_images_tests)

BOOST_AUTO_TEST_CASE(lists_but_json_hold_what_is_drawn) {
  const scratch_directory at;
  write_picture(at / "a.png");
  const auto summary = detect(at, {.formats = {detection_format::json, detection_format::yolo}});
  BOOST_TEST(summary.images == 1u);
  BOOST_TEST(summary.boxes == 1u);
  BOOST_TEST(odt::file_exists(at / "found/a.png"));
  BOOST_TEST(nlohmann::json::parse(read_file(at / "found/detections.json")).size() == 2u);
  BOOST_TEST(read_file(at / "found/labels/a.txt") == "0 0.375 0.5 0.25 0.5\n");
}

BOOST_AUTO_TEST_CASE(classes_are_chosen_by_name) {
  const scratch_directory at;
  write_picture(at / "a.png");
  const auto summary = detect(at, {.min_score = 0.1f, .draw = false}, {.classes = {"dog"}});
  BOOST_TEST(summary.boxes == 1u);
  BOOST_TEST(!odt::file_exists(at / "found/a.png"));
  const auto list = nlohmann::json::parse(read_file(at / "found/detections.json"));
  BOOST_TEST_REQUIRE(list.size() == 1u);
  BOOST_TEST(list[0]["category_name"] == "dog");
  check_error([&] { detect(at, {}, {.classes = {"dgo"}}); }, {"\"dgo\"", "dog", "cat"});
}

BOOST_AUTO_TEST_CASE(lists_that_people_may_have_changed_are_not_replaced) {
  const scratch_directory at;
  write_picture(at / "a.png");
  detect(at, {.formats = {detection_format::labelimg}});
  odt::write_file(at / "found/a.xml", "mine");
  check_error([&] { detect(at, {.formats = {detection_format::labelimg}}); }, {at / "found/a.xml", "--overwrite"});
  BOOST_TEST(read_file(at / "found/a.xml") == "mine");
  detect(at, {.formats = {detection_format::labelimg}, .overwrite = true});
  BOOST_TEST(read_file(at / "found/a.xml") != "mine");
  detect(at, {});
  detect(at, {});  // detections.json is the run's own
}

BOOST_AUTO_TEST_CASE(a_detector_without_names_has_numbers) {
  odt::ready_detector nameless = ready();
  nameless.labels = {};
  const finder find(nameless, {.classes = {"class 2"}});
  BOOST_TEST_REQUIRE(find(odt::image(8, 8)).size() == 1u);
  BOOST_TEST(find(odt::image(8, 8))[0].label == 1);
}

BOOST_AUTO_TEST_CASE(every_frame_of_a_video_is_looked_at) {
  if (std::system("ffmpeg -version > /dev/null 2>&1") != 0) {
    BOOST_TEST_MESSAGE("skipped: ffmpeg is not installed");
    return;
  }
  const scratch_directory at;
  const std::string made =
      "ffmpeg -v error -f lavfi -i testsrc=size=64x48:rate=5:duration=1 " + odt::shell_word(at / "clip.mp4");
  BOOST_TEST_REQUIRE(std::system(made.c_str()) == 0);
  const odt::ready_detector source = ready();
  const auto summary =
      odt::detect_images(finder(source, {}), {at / "clip.mp4"},
                         {.output = at / "found", .formats = {detection_format::json, detection_format::voc}});
  BOOST_TEST(summary.images == 5u);
  BOOST_TEST(odt::file_exists(at / "found/clip.mp4"));
  BOOST_TEST(odt::file_exists(at / "found/Annotations/clip-frame-5.xml"));
  const auto list = nlohmann::json::parse(read_file(at / "found/detections.json"));
  BOOST_TEST(list.size() == 10u);
  BOOST_TEST(list[9]["image_id"] == 5);
  BOOST_TEST(list[9]["drawn"] == "clip.mp4");
}

BOOST_AUTO_TEST_SUITE_END()
