// SPDX-License-Identifier: MIT
#include <odt/dataset/shapes.hpp>

#include <odt/core/error.hpp>
#include <odt/core/run_lengths.hpp>
#include <odt/dataset/convert.hpp>
#include <odt/dataset/instances_text.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>

#include "../golden.hpp"

#include <unistd.h>

using namespace odt;
using namespace odt::test;

namespace {

double overlap(const pixel_box& a, const pixel_box& b) {
  const double w = std::min(a.xmax, b.xmax) - std::max(a.xmin, b.xmin);
  const double h = std::min(a.ymax, b.ymax) - std::max(a.ymin, b.ymin);
  const auto size = [](const pixel_box& c) { return (c.xmax - c.xmin) * (c.ymax - c.ymin); };
  return w > 0 && h > 0 ? w * h / (size(a) + size(b) - w * h) : 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shapes_tests)

BOOST_AUTO_TEST_CASE(a_picture_follows_from_seed_and_number_alone) {
  shapes_options o;
  o.seed = 3;
  const shapes_picture first = draw_shapes(o, 5), again = draw_shapes(o, 5), next = draw_shapes(o, 6);
  BOOST_TEST((first.picture.pixels == again.picture.pixels));
  BOOST_TEST(first.objects.size() == again.objects.size());
  BOOST_TEST((first.picture.pixels != next.picture.pixels));
  o.seed = 4;
  BOOST_TEST((first.picture.pixels != draw_shapes(o, 5).picture.pixels));
}

BOOST_AUTO_TEST_CASE(objects_of_all_classes_lie_within_the_picture_with_little_overlap) {
  shapes_options o;
  o.size = {160, 200};
  std::map<std::string, int> seen;
  for (int i = 0; i < 60; ++i) {
    const shapes_picture p = draw_shapes(o, i);
    BOOST_TEST((p.picture.size() == o.size));
    BOOST_REQUIRE(!p.objects.empty());
    BOOST_TEST(p.objects.size() <= static_cast<std::size_t>(o.max_objects));
    for (std::size_t k = 0; k < p.objects.size(); ++k) {
      const pixel_box& b = p.objects[k].bounds;
      BOOST_TEST((b.xmin >= 0 && b.ymin >= 0 && b.xmax <= 200 && b.ymax <= 160));
      const double longer = std::max(b.xmax - b.xmin, b.ymax - b.ymin);
      BOOST_TEST((longer >= .14 * 160 && longer <= .61 * 160));
      for (std::size_t j = 0; j < k; ++j) BOOST_TEST(overlap(b, p.objects[j].bounds) < .1);
      ++seen[p.objects[k].name];
    }
  }
  BOOST_REQUIRE(seen.size() == 4u);
  for (const std::string& name : shape_names()) BOOST_TEST(seen[name] >= 15, name);
}

BOOST_AUTO_TEST_CASE(what_is_written_converts_without_a_problem) {
  const fs::path root = fs::temp_directory_path() / str("odt_shapes_", ::getpid());
  shapes_options o;
  o.output = (root / "shapes").string();
  o.count = 12;
  o.size = {96, 128};
  std::size_t last = 0;
  o.progress = [&last](std::size_t done, std::size_t all) {
    BOOST_TEST((done == last + 1 && all == 12));
    last = done;
  };
  make_shapes(o);
  BOOST_TEST(last == 12u);
  const annotation labels = read_voc_xml((root / "shapes/annotations/shapes_00007.xml").string());
  BOOST_TEST(labels.filename == "shapes_00007.jpg");
  BOOST_TEST((labels.size == o.size));
  const shapes_picture drawn = draw_shapes(o, 7);
  BOOST_REQUIRE(labels.objects.size() == drawn.objects.size());
  for (std::size_t i = 0; i < drawn.objects.size(); ++i)
    BOOST_TEST(
        (labels.objects[i].bounds == drawn.objects[i].bounds && labels.objects[i].name == drawn.objects[i].name));
  BOOST_TEST((read_image((root / "shapes/images/shapes_00007.jpg").string()).size() == o.size));

  convert_options c;
  c.images = o.output + "/images";
  c.annotations = o.output + "/annotations";
  c.output = (root / "records").string();
  const convert_report report = convert_voc(c);
  BOOST_TEST(report.problems.empty());
  BOOST_TEST((report.sets.size() == 2u && report.sets[0].pictures == 10u && report.sets[1].pictures == 2u));
  fs::remove_all(root);
}

BOOST_AUTO_TEST_CASE(outlines_fill_their_boxes) {
  shapes_options o;
  for (int i = 0; i < 20; ++i) {
    const shapes_picture p = draw_shapes(o, i);
    BOOST_REQUIRE(p.outlines.size() == p.objects.size());
    for (std::size_t k = 0; k < p.objects.size(); ++k) {
      const pixel_box& b = p.objects[k].bounds;
      const run_lengths mask = polygon_runs(p.outlines[k], o.size);
      double left = 1e9, right = 0, top = 1e9, bottom = 0;
      for_each_line(mask, [&](int x, int y, int pixels) {
        left = std::min<double>(left, x), right = std::max<double>(right, x + 1);
        top = std::min<double>(top, y), bottom = std::max<double>(bottom, y + pixels);
      });
      for (const double difference : {left - b.xmin, right - b.xmax, top - b.ymin, bottom - b.ymax})
        BOOST_TEST(std::abs(difference) <= 3, p.objects[k].name);  // thin corners have pixels without a centre inside
      const double share = static_cast<double>(area(mask)) / ((b.xmax - b.xmin) * (b.ymax - b.ymin));
      BOOST_TEST((share > .25 && share <= 1.05), p.objects[k].name);
      if (p.objects[k].name == "circle") BOOST_TEST(share == .785, boost::test_tools::tolerance(.06));
    }
  }
}

BOOST_AUTO_TEST_CASE(instances_are_written_as_coco_does) {
  const fs::path root = fs::temp_directory_path() / str("odt_shapes_masks_", ::getpid());
  shapes_options o;
  o.output = root.string();
  o.count = 5;
  o.size = {96, 128};
  o.masks = true;
  make_shapes(o);
  const json all = load_json(root / "instances.json");
  BOOST_TEST(all["images"].size() == 5u);
  BOOST_TEST(all["images"][4] == (json{{"id", 5}, {"file_name", "shapes_00004.jpg"}, {"height", 96}, {"width", 128}}));
  BOOST_TEST(all["categories"][2] == (json{{"id", 3}, {"name", "star"}}));
  std::size_t next = 0;
  for (int i = 0; i < 5; ++i) {
    const shapes_picture drawn = draw_shapes(o, i);
    for (std::size_t k = 0; k < drawn.objects.size(); ++k) {
      const json& one = all["annotations"].at(next++);
      const pixel_box& b = drawn.objects[k].bounds;
      BOOST_TEST((one["id"] == next && one["image_id"] == i + 1 && one["iscrowd"] == 0));
      BOOST_TEST(shape_names()[one["category_id"].get<std::size_t>() - 1] == drawn.objects[k].name);
      BOOST_TEST(one["segmentation"] == json::array({drawn.outlines[k]}));
      BOOST_TEST(one["area"] == area(polygon_runs(drawn.outlines[k], o.size)));
      BOOST_TEST(one["bbox"] == json::array({b.xmin, b.ymin, b.xmax - b.xmin, b.ymax - b.ymin}));
    }
  }
  BOOST_TEST(next == all["annotations"].size());
  fs::remove_all(root);
}

BOOST_AUTO_TEST_CASE(instances_need_an_outline_and_a_category_for_every_object) {
  outlined_picture picture{"a.jpg", {9, 9}, {}, {{1, 1, 5, 1, 5, 5}}};
  picture.objects.emplace_back().name = "cat";
  const std::vector<std::string> cat = {"cat"}, dog = {"dog"};
  BOOST_CHECK_NO_THROW(instances_text(std::span(&picture, 1), cat));
  BOOST_CHECK_THROW(instances_text(std::span(&picture, 1), dog), error);
  picture.outlines.clear();
  BOOST_CHECK_THROW(instances_text(std::span(&picture, 1), cat), error);
}

BOOST_AUTO_TEST_CASE(options_that_cannot_be_are_errors) {
  shapes_options o;
  BOOST_CHECK_THROW(make_shapes(o), error);  // nowhere to write
  o.output = (fs::temp_directory_path() / "odt_no_shapes").string();
  o.count = 0;
  BOOST_CHECK_THROW(make_shapes(o), error);
  o.count = 1;
  o.size = {10, 300};
  BOOST_CHECK_THROW(make_shapes(o), error);
  o.size = {100, 100};
  o.max_objects = 0;
  BOOST_CHECK_THROW(draw_shapes(o, 0), error);
}

BOOST_AUTO_TEST_SUITE_END()
