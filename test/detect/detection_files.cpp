// SPDX-License-Identifier: MIT
#include <odt/detect/detection_files.hpp>

#include <odt/dataset/csv.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/file.hpp>

#include <scratch.hpp>

#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace {

using odt::detection_format;
using odt::label_map;
using odt::read_file;
using odt::test::scratch_directory;

const label_map labels({{1, "n01", "cat"}, {2, "dog, small", ""}});
const std::vector<std::string> names{"a", "b"};

/// A cat that sticks out of its picture and a dog; and a picture without anything.
std::vector<odt::image_result> results() {
  return {{"photos/a.jpg", {100, 200}, {{{-0.1f, 0.25f, 0.5f, 0.75f}, 0, 0.5f}, {{0, 0, 1, 0.5f}, 1, 0.25f}}, {}, {}},
          {"photos/b.png", {10, 10}, {}, {}, {}}};
}

std::string written(detection_format format, const std::string& file) {
  const scratch_directory at;
  odt::write_detections(format, at.path(), names, results(), labels);
  for (const std::string& path : odt::detection_paths(format, at.path(), names)) BOOST_TEST(odt::file_exists(path));
  return read_file(at / file);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(detection_files_tests)

BOOST_AUTO_TEST_CASE(csv_is_what_the_converter_reads) {
  const std::string text = written(detection_format::csv, "detections.csv");
  BOOST_TEST(text ==
             "filename,width,height,class,xmin,ymin,xmax,ymax,score\n"
             "a.jpg,200,100,n01,50,0,150,50,0.5\n"
             "a.jpg,200,100,\"dog, small\",0,0,100,100,0.25\n");
  const auto table = odt::parse_csv_annotations(text, "x.csv");
  BOOST_TEST_REQUIRE(table.pictures.size() == 1u);
  BOOST_TEST(table.problems.empty());
  BOOST_TEST(table.pictures[0].objects.at(1).name == "dog, small");
}

BOOST_AUTO_TEST_CASE(xml_is_what_the_converter_reads) {
  for (const auto& [format, folder] :
       {std::pair(detection_format::voc, "Annotations/"), {detection_format::labelimg, ""}}) {
    const auto read = odt::parse_voc_xml(written(format, folder + std::string("a.xml")), "a.xml");
    BOOST_TEST(read.problems.empty());
    BOOST_TEST(read.filename == "a.jpg");
    BOOST_TEST((read.size == odt::size2{100, 200}));
    BOOST_TEST_REQUIRE(read.objects.size() == 2u);
    BOOST_TEST(read.objects[0].name == "n01");
    BOOST_TEST((read.objects[0].bounds == odt::pixel_box{50, 0, 150, 50}));
    BOOST_TEST(odt::parse_voc_xml(written(format, folder + std::string("b.xml")), "b.xml").objects.empty());
  }
}

BOOST_AUTO_TEST_CASE(yolo_has_centres_and_sizes) {
  BOOST_TEST(written(detection_format::yolo, "labels/a.txt") == "0 0.5 0.25 0.5 0.5\n1 0.25 0.5 0.5 1\n");
  BOOST_TEST(written(detection_format::yolo, "labels/b.txt").empty());
  BOOST_TEST(written(detection_format::yolo, "classes.txt") == "n01\ndog, small\n");
}

BOOST_AUTO_TEST_CASE(coco_is_a_labelled_set) {
  const auto set = nlohmann::json::parse(written(detection_format::coco, "instances.json"));
  BOOST_TEST(set.at("images").size() == 2u);
  BOOST_TEST(set["images"][1]["file_name"] == "b.png");
  BOOST_TEST(set.at("categories") == nlohmann::json::parse(R"([{"id":1,"name":"n01"},{"id":2,"name":"dog, small"}])"));
  BOOST_TEST_REQUIRE(set.at("annotations").size() == 2u);
  const auto& first = set["annotations"][0];
  BOOST_TEST((first["bbox"] == nlohmann::json{50, 0, 100, 50}));
  BOOST_TEST(first["image_id"] == 1);
  BOOST_TEST(first["area"] == 5000);
  BOOST_TEST(first["score"] == 0.5);
}

BOOST_AUTO_TEST_CASE(masks_go_into_coco) {
  auto masked = results();
  masked[0].masks = {"runs of a", "runs of b"};
  const scratch_directory at;
  odt::write_detections(detection_format::coco, at.path(), names, masked, labels);
  const auto set = nlohmann::json::parse(read_file(at / "instances.json"));
  BOOST_TEST(set["annotations"][1]["segmentation"]["counts"] == "runs of b");
  BOOST_TEST((set["annotations"][1]["segmentation"]["size"] == nlohmann::json{100, 200}));
}

BOOST_AUTO_TEST_CASE(json_has_boxes_as_they_are) {
  const auto list = nlohmann::json::parse(written(detection_format::json, "detections.json"));
  BOOST_TEST_REQUIRE(list.size() == 2u);
  BOOST_CHECK_CLOSE(list[0]["bbox"][1].get<double>(), -10, 1e-4);
}

BOOST_AUTO_TEST_SUITE_END()
