// SPDX-License-Identifier: MIT
#include <odt/dataset/convert_coco.hpp>

#include <odt/core/run_lengths.hpp>
#include <odt/dataset/coco_json.hpp>

#include "workplace.hpp"

#include <nlohmann/json.hpp>

using namespace odt;
using namespace odt::test;

namespace {

json image_of(int id, const std::string& name) {
  return {{"id", id}, {"file_name", name}, {"height", 48}, {"width", 64}, {"license", 3}};
}

json annotation_of(int id, int image_id, int category, std::vector<double> bbox) {
  return {{"id", id},
          {"image_id", image_id},
          {"category_id", category},
          {"bbox", std::move(bbox)},
          {"area", 100.5},
          {"iscrowd", 0},
          {"segmentation", {{8, 12, 24, 12, 24, 36, 8, 36}}}};
}

json file_of(std::vector<json> images, std::vector<json> annotations) {
  return {
      {"info", {{"year", 2017}}},
      {"images", std::move(images)},
      {"annotations", std::move(annotations)},
      {"categories", {{{"id", 1}, {"name", "person"}}, {{"id", 18}, {"name", "dog"}, {"supercategory", "animal"}}}}};
}

coco_labels parse(const json& root, bool masks = false) { return parse_coco_json(root.dump(), "labels.json", masks); }

std::string problem_of(const json& changed, bool masks = true) {
  const coco_labels labels = parse(file_of({image_of(1, "a.jpg")}, {changed}), masks);
  const auto& problems = labels.problems.empty() ? labels.pictures.at(0).problems : labels.problems;
  return problems.size() == 1 ? problems[0] : str(problems.size(), " problems");
}

/// Pictures of 64 x 48 pixels and a JSON of them.
struct coco : workplace {
  coco_options what(bool masks) const {
    return {{{"coco_train", path("images"), path("annotations/train.json"), 2}}, masks};
  }
  convert_options how() const {
    convert_options o;
    o.output = path("out");
    o.threads = 2;
    return o;
  }
  void add_json(const json& labels, const std::string& name = "train") const {
    write_file(path("annotations/" + name + ".json"), labels.dump());
  }
  std::vector<example> records(std::optional<mask_type> masks = {}) const {
    std::vector<example> all;
    for (int i = 0; i < 2; ++i) {
      const record_file file(shard_name(path("out/coco_train.record"), i, 2));
      for (std::size_t r = 0; r < file.size(); ++r) all.push_back(parse_example(file.read(r), file.place(r), masks));
    }
    return all;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(convert_coco_tests)

BOOST_AUTO_TEST_CASE(a_json_is_read_picture_by_picture) {
  json crowd = annotation_of(8, 5, 1, {0, 0, 64, 24});
  crowd["iscrowd"] = 1;
  const coco_labels labels =
      parse(file_of({image_of(5, "a.jpg"), image_of(2, "b/c.jpg")}, {annotation_of(7, 5, 18, {8, 12, 16, 24}), crowd}));
  BOOST_TEST((labels.categories == std::vector<label_map_item>{{1, "person", ""}, {18, "dog", ""}}));
  BOOST_REQUIRE(labels.pictures.size() == 2u);
  BOOST_TEST(labels.pictures[1].filename == "b/c.jpg");
  BOOST_TEST(labels.pictures[1].source_id == "2");
  BOOST_TEST(labels.pictures[1].objects.empty());
  const auto& objects = labels.pictures[0].objects;
  BOOST_REQUIRE(objects.size() == 2u);
  BOOST_TEST(objects[0].name == "dog");
  BOOST_TEST((objects[0].bounds == pixel_box{8, 12, 24, 36}));
  BOOST_TEST(objects[0].area == 100.5f);
  BOOST_TEST(!objects[0].crowd);
  BOOST_TEST(objects[1].crowd);
  BOOST_TEST(!objects[0].mask);
}

BOOST_AUTO_TEST_CASE(polygons_and_run_lengths_become_masks) {
  image expected(48, 64, 1);
  for (int y = 12; y < 36; ++y)
    for (int x = 8; x < 24; ++x) *expected.at(y, x) = 1;
  const run_lengths runs = to_runs(expected);
  json numbers = annotation_of(2, 1, 1, {8, 12, 16, 24}), text = annotation_of(3, 1, 1, {8, 12, 16, 24});
  numbers["segmentation"] = {{"size", {48, 64}}, {"counts", runs.counts}};
  text["segmentation"] = {{"size", {48, 64}}, {"counts", runs_text(runs)}};
  const coco_labels labels =
      parse(file_of({image_of(1, "a.jpg")}, {annotation_of(1, 1, 1, {8, 12, 16, 24}), numbers, text}), true);
  BOOST_REQUIRE(labels.pictures[0].objects.size() == 3u);
  for (const annotated_object& object : labels.pictures[0].objects) BOOST_TEST((object.mask({48, 64}) == expected));
}

BOOST_AUTO_TEST_CASE(an_annotation_that_cannot_be_used_is_named) {
  const json good = annotation_of(9, 1, 18, {8, 12, 16, 24});
  const auto with = [&good](const char* field, const json& value) {
    json changed = good;
    changed[field] = value;
    return problem_of(changed);
  };
  BOOST_TEST(problem_of(good) == "0 problems");
  BOOST_TEST(with("image_id", 4) == "labels.json: annotation id 9: image_id 4 is none of the file's images");
  BOOST_TEST(with("category_id", 2) == "labels.json: annotation id 9: category_id 2 is none of the file's categories");
  BOOST_TEST(with("bbox", {1, 2, 3}) ==
             "labels.json: annotation id 9: \"bbox\" has 3 numbers; x, y, width and height are needed");
  BOOST_TEST(with("bbox", {1, 2, "x", 3}) == "labels.json: annotation id 9: \"bbox\" has \"x\"; a number is needed");
  BOOST_TEST(with("id", "z") == "labels.json: annotation number 0: \"id\" is \"z\"; a whole number is needed");
  BOOST_TEST(with("segmentation", json::array()).find("\"segmentation\" is empty") != std::string::npos);
  BOOST_TEST(with("segmentation", {{1, 2, 3, 4}}).find("has 4 numbers; x and y of at least three") !=
             std::string::npos);
  BOOST_TEST(with("segmentation", {{"size", {4, 4}}, {"counts", {3, 4}}}).find("annotation id 9: the segmentation: ") !=
             std::string::npos);
  BOOST_TEST(with("segmentation", {{"size", {4}}, {"counts", {16}}}).find("\"size\" is [4]") != std::string::npos);
  BOOST_TEST(with("segmentation", "x").find("polygons or run lengths are needed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_refused_with_its_place) {
  const auto refused = [](const json& root, const std::string& piece) {
    BOOST_CHECK_EXCEPTION(parse(root), error, says(piece));
  };
  BOOST_CHECK_EXCEPTION(parse_coco_json("{\n  \"images\": [,]", "x.json", false), error, says("x.json:2: is no JSON"));
  refused(json::array(), "labels.json: is array; an object { } belongs there");
  refused({{"categories", json::array()}}, "labels.json: has no \"images\"");
  refused({{"images", json::array()}}, "labels.json: has no \"categories\"");
  refused(file_of({image_of(3, "a.jpg"), image_of(3, "b.jpg")}, {}), "image id 3 occurs twice");
  json unnamed = image_of(3, "a.jpg");
  unnamed.erase("file_name");
  refused(file_of({unnamed}, {}), "image id 3: has no \"file_name\"");
}

BOOST_AUTO_TEST_CASE(records_have_the_apis_names_ids_and_masks) {
  coco w;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg"}) w.add_picture(name);
  json crowd = annotation_of(8, 12, 1, {0, 0, 64, 24});
  crowd["iscrowd"] = 1;
  image half(48, 64, 1);
  std::fill_n(half.pixels.begin(), 24 * 64, std::uint8_t{1});
  crowd["segmentation"] = {{"size", {48, 64}}, {"counts", to_runs(half).counts}};
  w.add_json(file_of({image_of(11, "a.jpg"), image_of(12, "b.jpg"), image_of(13, "c.jpg")},
                     {annotation_of(7, 11, 18, {8, 12, 16, 24}), crowd}));
  const convert_report report = convert_coco(w.what(true), w.how());
  BOOST_CHECK_MESSAGE(report.left_out() == 0u, report.text());
  BOOST_TEST(report.masks == 2u);
  const auto records = w.records(mask_type::png);
  BOOST_REQUIRE(records.size() == 3u);  // a and c in the first shard
  BOOST_TEST(records[0].source_id == "11");
  BOOST_TEST(records[0].filename == "a.jpg");
  BOOST_TEST(records[1].source_id == "13");
  BOOST_TEST(records[1].objects.empty());
  const labelled_object &dog = records[0].objects.at(0), &people = records[2].objects.at(0);
  BOOST_TEST(dog.label == 18);
  BOOST_TEST(dog.text == "dog");
  BOOST_TEST((dog.bounds == boxf{0.25f, 0.125f, 0.75f, 0.375f}));
  BOOST_TEST(dog.area == 100.5f);
  BOOST_TEST(*dog.mask.at(12, 8) == 1);
  BOOST_TEST(people.crowd);
  BOOST_TEST((people.mask == half));
  BOOST_TEST((label_map::read(w.path("out/label_map.pbtxt")) == label_map({{1, "person", ""}, {18, "dog", ""}})));
}

BOOST_AUTO_TEST_CASE(without_masks_none_are_written) {
  coco w;
  w.add_picture("a.jpg");
  w.add_json(file_of({image_of(1, "a.jpg")}, {annotation_of(7, 1, 18, {8, 12, 16, 24})}));
  BOOST_TEST(convert_coco(w.what(false), w.how()).masks == 0u);
  BOOST_CHECK_EXCEPTION(w.records(mask_type::png), error, says("0 PNG files for 1 boxes"));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_a_picture_is_left_out_and_said) {
  coco w;
  for (const char* name : {"a.jpg", "b.jpg"}) w.add_picture(name);
  json small = annotation_of(3, 1, 1, {8, 12, 16, 24});
  small["segmentation"] = {{"size", {4, 4}}, {"counts", {0, 16}}};
  w.add_json(file_of({image_of(1, "a.jpg"), image_of(2, "b.jpg"), image_of(3, "none.jpg")},
                     {annotation_of(1, 1, 18, {8, 12, 16, 24}), annotation_of(2, 1, 1, {70, 12, 16, 24}), small,
                      annotation_of(4, 2, 1, {56, 12, 16, 24}), annotation_of(5, 9, 1, {0, 0, 9, 9})}));
  const convert_report report = convert_coco(w.what(true), w.how());
  const std::string text = report.problems_text();
  for (const char* piece : {"annotation id 2: the box of \"person\" lies outside the picture",
                            "annotation id 3: the segmentation is of 4x4 pixels, its picture of 64x48",
                            "annotation id 4: the box of \"person\" reaches beyond the picture",
                            "annotation id 5: image_id 9 is none", "none.jpg"})
    BOOST_CHECK_MESSAGE(text.find(piece) != std::string::npos, piece << " is not in " << text);
  BOOST_TEST(report.count(conversion_problem::box_left_out) == 3u);
  BOOST_TEST(report.count(conversion_problem::picture_left_out) == 1u);
}

BOOST_AUTO_TEST_CASE(sets_of_one_label_map_share_their_categories) {
  coco w;
  w.add_picture("a.jpg");
  json root = file_of({image_of(1, "a.jpg")}, {annotation_of(7, 1, 18, {8, 12, 16, 24})});
  w.add_json(root);
  root["categories"][1]["id"] = 17;
  root["annotations"][0]["category_id"] = 17;
  w.add_json(root, "val");
  coco_options what = w.what(false);
  what.sets.push_back({"coco_val", w.path("images"), w.path("annotations/val.json"), 1});
  BOOST_CHECK_EXCEPTION(convert_coco(what, w.how()), error, says("val.json: its categories are not those of "));
  convert_options how = w.how();
  how.label_map = w.path("map.pbtxt");
  write_file(how.label_map, label_map({{1, "dog", ""}, {2, "person", ""}}).text());
  convert_coco(what, how);
  BOOST_TEST(w.records().at(0).objects.at(0).label == 1);
}

BOOST_AUTO_TEST_SUITE_END()
