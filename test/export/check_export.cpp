// SPDX-License-Identifier: MIT
#include <odt/export/check_export.hpp>

#include "scratch.hpp"
#include "train/toy_detector.hpp"

#include <odt/io/file.hpp>

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace {

using odt::test::check_error;
using odt::test::scratch_directory;

odt::detection found(int label, float score, float left) { return {{0.1f, left, 0.5f, 0.6f}, label, score, 0}; }

odt::check_report compare(const odt::detections& ours, const odt::detections& theirs) {
  odt::check_report report;
  odt::compare_detections({"a.jpg", {}}, ours, theirs, {}, report);
  return report;
}

/// A program in the place of the interpreter.
std::string program(const scratch_directory& at, const std::string& body) {
  const std::string path = at / "an interpreter";
  odt::write_file(path, "#!/bin/sh\n" + body);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(check_export_tests)

BOOST_AUTO_TEST_CASE(detections_agree_in_any_order) {
  const auto report =
      compare({found(0, 0.9f, 0.2f), found(1, 0.9f, 0.2f)}, {found(1, 0.9002f, 0.2f), found(0, 0.9f, 0.2004f)});
  BOOST_CHECK(report.problems.empty());
  BOOST_CHECK_EQUAL(report.detections, 2U);
  BOOST_CHECK_CLOSE(report.score, 0.0002f, 1);
  BOOST_CHECK_CLOSE(report.box, 0.0004f, 1);
}

BOOST_AUTO_TEST_CASE(each_detection_is_taken_once) {
  BOOST_CHECK_EQUAL(compare({found(0, 0.9f, 0.2f), found(0, 0.9f, 0.2f)}, {found(0, 0.9f, 0.2f)}).problems.size(), 1U);
  BOOST_CHECK_EQUAL(compare({found(0, 0.9f, 0.2f)}, {found(0, 0.9f, 0.2f), found(0, 0.9f, 0.2f)}).problems.size(), 1U);
}

BOOST_AUTO_TEST_CASE(another_class_score_or_box_is_a_problem_of_both_sides) {
  for (const odt::detection& other : {found(1, 0.9f, 0.2f), found(0, 0.898f, 0.2f), found(0, 0.9f, 0.55f)})
    BOOST_CHECK_EQUAL(compare({found(0, 0.9f, 0.2f)}, {other}).problems.size(), 2U);
}

BOOST_AUTO_TEST_CASE(of_equal_scores_each_may_keep_the_other) {
  const auto report = compare({found(0, 0.9f, 0.2f), found(0, 0.7f, 0.3f)}, {found(0, 0.9001f, 0.25f)});
  BOOST_CHECK(report.problems.empty());
  BOOST_CHECK_EQUAL(report.ties, 3U);
  BOOST_CHECK_EQUAL(compare({found(0, 0.9f, 0.2f)}, {found(0, 0.89f, 0.25f)}).problems.size(), 2U);
  BOOST_CHECK_EQUAL(compare({found(0, 0.9f, 0.2f)}, {found(0, 0.9f, 0.55f)}).problems.size(), 2U);
}

BOOST_AUTO_TEST_CASE(crops_at_the_border_may_differ_more) {
  const auto lower = [](float score, float end) { return odt::detection{{0.1f, 0.2f, end, 0.6f}, 0, score, 0}; };
  const auto problems = [](const odt::detection& a, const odt::detection& b, const odt::check_tolerance& tolerance) {
    odt::check_report report;
    odt::compare_detections({"a.jpg", {}}, {a}, {b}, tolerance, report);
    return report.problems.size();
  };
  const auto crops = odt::check_tolerance::of_crops();
  BOOST_CHECK_EQUAL(problems(lower(0.5f, 1), lower(0.48f, 1), crops), 0U);
  BOOST_CHECK_EQUAL(problems(lower(0.5f, 1), lower(0.48f, 1), {}), 2U);
  BOOST_CHECK_EQUAL(problems(lower(0.5f, 0.9f), lower(0.48f, 0.9f), crops), 2U);
  BOOST_CHECK_EQUAL(problems(lower(0.5f, 1), lower(0.4f, 1), crops), 2U);
}

BOOST_AUTO_TEST_CASE(low_scores_are_not_compared) {
  BOOST_CHECK(compare({found(0, 0.04f, 0.2f)}, {}).problems.empty());
  BOOST_CHECK(compare({found(0, 0.0505f, 0.2f)}, {found(0, 0.0495f, 0.9f)}).problems.empty());
  BOOST_CHECK_EQUAL(compare({found(0, 0.06f, 0.2f)}, {}).problems.size(), 1U);
}

BOOST_AUTO_TEST_CASE(an_interpreter_that_lacks_the_package_is_told_from_one_that_fails) {
  const scratch_directory at;
  odt::ready_detector detector;
  detector.model = std::make_unique<odt::test::toy_detector>();
  const std::vector<odt::check_photo> photos;
  const auto check = [&](const std::string& python) {
    return odt::check_export(detector, at.path(), odt::export_format::onnx, photos, python);
  };
  BOOST_CHECK(check(program(at, "exit 77")).runner.empty());
  BOOST_CHECK(check(at / "no such program").runner.empty());
  const std::string broken = program(at, "echo it broke >&2; exit 1");
  check_error([&] { check(broken); }, {at.path(), "it broke"});
}

BOOST_AUTO_TEST_CASE(what_the_export_finds_is_compared_with_the_detector) {
  const scratch_directory at;
  odt::ready_detector detector;
  detector.model = std::make_unique<odt::test::toy_detector>();
  odt::image picture(8, 8, 3);
  const std::vector<odt::check_photo> photos{{"a.jpg", picture}};
  const odt::detections ours = detector.model->detect(picture);
  BOOST_REQUIRE(!ours.empty());
  const auto answer = [&](float score) {
    std::string boxes, scores, classes;
    for (const odt::detection& d : ours) {
      const char* const comma = boxes.empty() ? "" : ",";
      boxes += odt::str(comma, "[", d.bounds.ymin, ",", d.bounds.xmin, ",", d.bounds.ymax, ",", d.bounds.xmax, "]");
      scores += odt::str(comma, d.score + score);
      classes += odt::str(comma, d.label + 1);
    }
    return program(
        at, odt::str("grep -q '\"shape\":\\[8,8,3\\]' \"$2/photos.json\" || exit 2\n",
                     "cat > \"$2/found.json\" <<END\n", "{\"runner\": \"a runner\", \"found\": [{\"boxes\": [", boxes,
                     "], \"scores\": [", scores, "], \"classes\": [", classes, "]}]}\nEND\n"));
  };
  const auto same = odt::check_export(detector, at.path(), odt::export_format::onnx, photos, answer(0));
  BOOST_CHECK_EQUAL(same.runner, "a runner");
  BOOST_CHECK(same.problems.empty());
  BOOST_CHECK(
      !odt::check_export(detector, at.path(), odt::export_format::onnx, photos, answer(0.01f)).problems.empty());
}

BOOST_AUTO_TEST_SUITE_END()
