// SPDX-License-Identifier: MIT
#include <odt/dataset/shapes.hpp>

#include <odt/core/error.hpp>
#include <odt/dataset/convert.hpp>
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
