// SPDX-License-Identifier: MIT
#include <odt/augmentations/random_crop_image.hpp>

#include <odt/augmentations/ssd_random_crop.hpp>
#include <odt/augmentations/ssd_random_crop_pad.hpp>

#include "augmentations/fixture.hpp"

BOOST_AUTO_TEST_SUITE(random_crop_image_tests)

namespace {

const auto distributions = odt::test::golden() / "units/distributions";

/// What the fixtures count about crops.
struct crop_counts {
  int runs = 0, unchanged = 0;
  std::vector<double> kept, area, aspect, top, left, height, width;
  std::vector<double> padded_height, padded_width, offset;
  std::vector<int> box_kept;
};

template <odt::augmentation A>
crop_counts count(const A& a, const std::vector<odt::boxf>& boxes, odt::size2 size, int runs) {
  crop_counts n;
  n.runs = runs;
  n.box_kept.resize(boxes.size());
  for (int i = 0; i < runs; ++i) {
    odt::labels truth = odt::test::labels_of(boxes);
    odt::recipe steps;
    odt::sketch photo(truth, size, steps);
    odt::random_stream random(4, static_cast<std::uint64_t>(i));
    a.draw(photo, random);
    odt::pixel_window window{0, 0, size};
    for (const auto& op : steps)
      if (op.what == odt::pixel_op::kind::crop) window = op.window;
    if (!boxes.empty()) n.kept.push_back(static_cast<double>(truth.size()) / static_cast<double>(boxes.size()));
    for (const int k : truth.classes) ++n.box_kept[static_cast<std::size_t>(k)];
    const odt::size2 canvas = photo.size();
    n.padded_height.push_back(static_cast<double>(canvas.height) / size.height);
    n.padded_width.push_back(static_cast<double>(canvas.width) / size.width);
    if (canvas.height > window.size.height)
      n.offset.push_back(static_cast<double>(steps.back().window.top) / (canvas.height - window.size.height));
    if (window.size == size) {
      ++n.unchanged;
      continue;
    }
    const double h = window.size.height, w = window.size.width;
    n.area.push_back(h * w / size.height / size.width);
    n.aspect.push_back(w / h);
    n.top.push_back(static_cast<double>(window.top) / size.height);
    n.left.push_back(static_cast<double>(window.left) / size.width);
    n.height.push_back(h / size.height);
    n.width.push_back(w / size.width);
  }
  return n;
}

void compare(const crop_counts& n, const odt::test::golden_case& c) {
  const auto& out = c.content["outputs"];
  if (c.has_out("probability_image_unchanged"))
    odt::test::check_probability(static_cast<double>(n.unchanged) / n.runs,
                                 out["probability_image_unchanged"]["p"].get<double>(), c, "unchanged");
  if (c.has_out("fraction_of_boxes_kept")) odt::test::check_distribution(n.kept, c, "fraction_of_boxes_kept");
  if (c.has_out("probability_box_kept"))
    for (std::size_t i = 0; i < n.box_kept.size(); ++i)
      odt::test::check_probability(static_cast<double>(n.box_kept[i]) / n.runs,
                                   out["probability_box_kept"][i].get<double>(), c, "box kept");
  odt::test::check_distribution(n.area, c, "cropped.area_ratio");
  odt::test::check_distribution(n.aspect, c, "cropped.aspect_ratio_width_over_height");
  odt::test::check_distribution(n.top, c, "cropped.top");
  odt::test::check_distribution(n.left, c, "cropped.left");
  odt::test::check_distribution(n.height, c, "cropped.height");
  odt::test::check_distribution(n.width, c, "cropped.width");
}

/// The options of a crop as a case states them, over the given defaults; element i where it states a list of them.
odt::crop_options options_of(const odt::test::json& params, odt::crop_options o, std::size_t i = 0) {
  const auto read = [&](const char* name, float& value) {
    if (!params.contains(name)) return;
    const auto& given = params[name];
    value = given.is_array() ? given[i].get<float>() : given.get<float>();
  };
  read("min_object_covered", o.min_object_covered);
  read("overlap_thresh", o.overlap_thresh);
  read("random_coef", o.random_coef);
  if (params.contains("aspect_ratio_range")) {
    o.min_aspect_ratio = params["aspect_ratio_range"][0].get<float>();
    o.max_aspect_ratio = params["aspect_ratio_range"][1].get<float>();
  }
  if (params.contains("area_range")) {
    o.min_area = params["area_range"][0].get<float>();
    o.max_area = params["area_range"][1].get<float>();
  }
  return o;
}

odt::size2 size_of(const odt::test::golden_case& c) {
  return {static_cast<int>(c.in("image_height")[0]), static_cast<int>(c.in("image_width")[0])};
}

std::vector<odt::boxf> input_boxes(const odt::test::golden_case& c) {
  return c.has_in("boxes") ? odt::test::boxes_of(c.in("boxes")) : std::vector<odt::boxf>{};
}

}  // namespace

BOOST_AUTO_TEST_CASE(crops_with_given_windows_are_the_apis,
                     *odt::test::needs(odt::test::golden() / "units/preprocessor/random_crop_image")) {
  for (const auto& c : odt::test::golden_cases("preprocessor/random_crop_image")) {
    odt::labels truth = odt::test::labels_of(odt::test::boxes_of(c.in("boxes")));
    truth.weights = c.in("label_weights").as<float>();
    truth.classes = c.in("labels").as<int>();
    truth.masks = odt::test::masks_of(c);
    odt::picture pixels(odt::test::image_of(c.in("image")));
    const odt::size2 whole = pixels.size();
    odt::recipe steps;
    odt::sketch photo(truth, pixels.size(), steps);
    const auto begin = c.in("begin").as<int>(), size = c.in("size").as<int>();
    photo.crop({begin[0], begin[1], {size[0], size[1]}}, c.params()["overlap_thresh"].get<float>(),
               c.params()["clip_boxes"].get<bool>());
    follow(steps, pixels);
    odt::test::check_close(odt::test::flat(truth.boxes), c.out("boxes"), c, "boxes");
    odt::test::check_close(truth.classes, c.out("labels"), c, "labels");
    odt::test::check_close(truth.weights, c.out("label_weights"), c, "label_weights");
    odt::test::check_close(odt::test::pixels_of(pixels), c.out("image"), c, "image");
    odt::test::check_masks(truth.masks, steps, whole, photo.size(), photo.size(), c);
  }
}

BOOST_AUTO_TEST_CASE(crops_are_distributed_as_the_apis, *odt::test::needs(distributions / "random_crop_image")) {
  for (const auto& c : odt::test::golden_cases("distributions/random_crop_image"))
    compare(count(odt::random_crop_image{options_of(c.params(), {})}, input_boxes(c), size_of(c), 3000), c);
}

BOOST_AUTO_TEST_CASE(ssd_crops_are_distributed_as_the_apis, *odt::test::needs(distributions / "ssd_random_crop")) {
  for (const auto& c : odt::test::golden_cases("distributions/ssd_random_crop")) {
    odt::ssd_random_crop a;
    for (std::size_t i = 0; i < a.opts.operations.size(); ++i)
      a.opts.operations[i] = options_of(c.params(), a.opts.operations[i], i);
    compare(count(a, input_boxes(c), size_of(c), 3000), c);
  }
}

BOOST_AUTO_TEST_CASE(padded_ssd_crops_are_distributed_as_the_apis,
                     *odt::test::needs(distributions / "ssd_random_crop_pad")) {
  for (const auto& c : odt::test::golden_cases("distributions/ssd_random_crop_pad")) {
    const auto n = count(odt::ssd_random_crop_pad{}, input_boxes(c), size_of(c), 3000);
    compare(n, c);
    odt::test::check_distribution(n.padded_height, c, "padded.height_over_original_height");
    odt::test::check_distribution(n.padded_width, c, "padded.width_over_original_width");
    odt::test::check_distribution(n.offset, c, "padded.top_offset_over_free_height");
  }
}

BOOST_AUTO_TEST_CASE(every_array_of_the_ground_truth_loses_the_same_boxes) {
  odt::labels truth = odt::test::labels_of(
      {{0, 0, 0.25f, 0.25f}, {0.5f, 0.5f, 1, 1}, {0.75f, 0.75f, 0.75f, 1}, {0.25f, 0.5f, 0.75f, 1}});
  odt::recipe steps;
  odt::sketch photo(truth, {40, 40}, steps);
  photo.crop({20, 20, {20, 20}}, 0.5f, true);  // the first is outside, the third has no area
  BOOST_TEST(truth.classes == (std::vector<int>{1, 3}), boost::test_tools::per_element());
  BOOST_TEST(truth.weights == (std::vector<float>{1, 3}), boost::test_tools::per_element());
  BOOST_TEST(truth.areas == (std::vector<float>{1, 3}), boost::test_tools::per_element());
  BOOST_TEST(truth.crowd.size() == 2);
  BOOST_TEST(truth.difficult.back() == 3);
  BOOST_TEST(truth.group_of.size() == 2);
  BOOST_TEST((truth.boxes[0] == odt::boxf{0, 0, 1, 1}));
  BOOST_TEST((truth.boxes[1] == odt::boxf{0, 0, 0.5f, 1}));
}

BOOST_AUTO_TEST_CASE(windows_stay_inside_images_of_any_size) {
  for (const odt::size2 size : {odt::size2{1, 1}, {1, 90}, {90, 1}, {2, 3}, {33, 57}})
    for (std::uint64_t i = 0; i < 300; ++i) {
      odt::random_stream random(5, i);
      const std::vector<odt::boxf> boxes{{0.25f, 0.25f, 0.75f, 0.75f}};
      const auto w = odt::sample_window({0.1f, 0.5f, 2.0f, 0.01f, 1.0f}, boxes, size, random);
      BOOST_REQUIRE(w.top >= 0 && w.left >= 0 && w.size.height > 0 && w.size.width > 0);
      BOOST_REQUIRE(w.top + w.size.height <= size.height && w.left + w.size.width <= size.width);
    }
}

BOOST_AUTO_TEST_CASE(an_image_whose_boxes_are_below_a_pixel_stays_whole) {
  const std::vector<odt::boxf> boxes{{0.5f, 0.5f, 0.5f, 0.5f}, {0.1f, 0.1f, 0.101f, 0.9f}};
  odt::random_stream random(6);
  BOOST_TEST((odt::sample_window({0.0f}, boxes, {50, 50}, random) == odt::pixel_window{0, 0, {50, 50}}));
}

BOOST_AUTO_TEST_SUITE_END()
