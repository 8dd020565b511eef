// SPDX-License-Identifier: MIT
#include <odt/io/draw.hpp>

#include <odt/core/error.hpp>
#include <odt/io/image_file.hpp>

#include "../golden.hpp"

using namespace odt;
using namespace odt::test;

namespace {

image gray_picture(int height, int width, std::uint8_t value = 128) {
  image picture(height, width);
  std::ranges::fill(picture.pixels, value);
  return picture;
}

struct extent {
  int top = 1 << 30, left = 1 << 30, bottom = -1, right = -1, count = 0;
};

/// Where a picture differs from plain gray.
extent drawn(const image& picture, std::uint8_t background = 128) {
  extent e;
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      const std::uint8_t* p = picture.at(y, x);
      if (p[0] == background && p[1] == background && p[2] == background) continue;
      e.top = std::min(e.top, y), e.bottom = std::max(e.bottom, y);
      e.left = std::min(e.left, x), e.right = std::max(e.right, x);
      ++e.count;
    }
  return e;
}

double mean_difference(const image& a, const image& b) {
  BOOST_REQUIRE(a.pixels.size() == b.pixels.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(draw_tests)

BOOST_AUTO_TEST_CASE(classes_have_the_colours_of_the_api, *needs(golden() / "units/visualization")) {
  const auto cases = golden_cases("visualization");
  const array rgb = cases[0].out("rgb");
  const int count = static_cast<int>(cases[0].content["outputs"]["count"]);
  for (int id = 1; id <= 3 * count; ++id) {
    const color c = class_color(id - 1);
    const auto at = static_cast<std::size_t>(id % count) * 3;
    BOOST_TEST((c.red == rgb[at] && c.green == rgb[at + 1] && c.blue == rgb[at + 2]), "class " << id);
  }
}

BOOST_AUTO_TEST_CASE(the_first_colours_are_chartreuse_and_aqua) {
  BOOST_TEST((class_color(0) == color{127, 255, 0}));
  BOOST_TEST((class_color(1) == color{0, 255, 255}));
  BOOST_TEST((class_color(125) == color{240, 248, 255}));
}

BOOST_AUTO_TEST_CASE(labels_read_as_those_of_the_api, *needs(golden() / "units/visualization")) {
  const golden_case c = golden_cases("visualization")[1];
  const json& outputs = c.content["outputs"];
  const array scores = c.in("scores");
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto score = static_cast<float>(scores[i]);
    BOOST_TEST(label_text("cat", score) == outputs["label_and_score"][i].get<std::string>());
    BOOST_TEST(label_text("cat", score, false, true) == outputs["score_only"][i].get<std::string>());
  }
  BOOST_TEST(label_text("cat", 1, true, false) == outputs["label_only"].get<std::string>());
  BOOST_TEST(label_text("", 1, true, false) == outputs["unknown_class"].get<std::string>());
}

BOOST_AUTO_TEST_CASE(pictures_look_like_those_of_the_api, *needs(golden() / "units/visualization")) {
  for (const golden_case& c : golden_cases("visualization")) {
    if (!c.content["inputs"].contains("image") || c.has_in("instance_masks") ||
        c.params().value("agnostic_mode", false))
      continue;  // masks: below; class-agnostic pictures are not drawn
    const fs::path folder = c.path.parent_path();
    image picture = read_image((folder / c.content["inputs"]["image"].get<std::string>()).string());
    const image expected = read_image((folder / c.content["outputs"]["image"].get<std::string>()).string());
    const array boxes = c.to_array(c.content["inputs"]["boxes"]);
    const auto box_at = [&](std::size_t i) {
      return boxf{static_cast<float>(boxes[4 * i]), static_cast<float>(boxes[4 * i + 1]),
                  static_cast<float>(boxes[4 * i + 2]), static_cast<float>(boxes[4 * i + 3])};
    };
    const image before = picture;
    if (c.params().contains("color")) {
      for (std::size_t i = 0; i < boxes.size() / 4; ++i)
        draw_box(picture, box_at(i), {255, 0, 0}, c.params()["thickness"]);
    } else {
      detections found;
      const array classes = c.in("classes"), scores = c.in("scores");
      for (std::size_t i = 0; i < scores.size(); ++i)
        found.push_back({box_at(i), static_cast<int>(classes[i]) - 1, static_cast<float>(scores[i])});
      draw_options options;
      options.min_score = c.params()["min_score_thresh"];
      options.max_boxes = c.params()["max_boxes_to_draw"];
      options.labels = !c.params()["skip_labels"].get<bool>();
      options.scores = !c.params()["skip_scores"].get<bool>();
      options.outline = false;
      options.line_width = c.params()["line_thickness"];
      draw_detections(picture, found, std::vector<std::string>{"cat", "dog", "car"}, options);
    }
    // Labels are set differently: in larger type, never one over the other, never outside the picture.
    if (c.params().value("skip_labels", true))
      BOOST_TEST(mean_difference(picture, expected) <= c.content["tolerance"]["mean_abs"].get<double>(), c.name());
    BOOST_TEST(mean_difference(before, expected) > mean_difference(picture, expected), c.name());
  }
}

BOOST_AUTO_TEST_CASE(masks_look_like_those_of_the_api, *needs(golden() / "units/visualization")) {
  const golden_case c = golden_cases("visualization")[4];
  const fs::path folder = c.path.parent_path();
  const image before = read_image((folder / c.content["inputs"]["image"].get<std::string>()).string());
  const image expected = read_image((folder / c.content["outputs"]["image"].get<std::string>()).string());
  const array boxes = c.in("boxes"), classes = c.in("classes"), scores = c.in("scores");
  float_image left_half(2, 101, 1);
  for (int y = 0; y < 2; ++y) std::fill_n(left_half.at(y, 0), 51, 1.f);
  detections found;
  for (std::size_t i = 0; i < scores.size(); ++i)
    found.push_back({{static_cast<float>(boxes[4 * i]), static_cast<float>(boxes[4 * i + 1]),
                      static_cast<float>(boxes[4 * i + 2]), static_cast<float>(boxes[4 * i + 3])},
                     static_cast<int>(classes[i]) - 1,
                     static_cast<float>(scores[i]),
                     -1,
                     left_half});
  draw_options options;
  options.min_score = c.params()["min_score_thresh"];
  options.outline = false;
  options.line_width = c.params()["line_thickness"];
  image with = before, without = before;
  draw_detections(with, found, std::vector<std::string>{"cat", "dog", "car"}, options);
  options.masks = false;
  draw_detections(without, found, std::vector<std::string>{"cat", "dog", "car"}, options);
  BOOST_TEST(mean_difference(with, expected) < mean_difference(without, expected));
  for (const boxf& b : {found[0].bounds, found[1].bounds})
    for (const float across : {.25f, .75f}) {  // in the mask and beside it
      const int y = static_cast<int>((b.ymin + .75f * height(b)) * static_cast<float>(before.height));
      const int x = static_cast<int>((b.xmin + across * width(b)) * static_cast<float>(before.width));
      for (int k = 0; k < 3; ++k)
        BOOST_TEST(std::abs(int{with.at(y, x)[k]} - int{expected.at(y, x)[k]}) <= 1, "at " << y << ", " << x);
    }
}

BOOST_AUTO_TEST_CASE(ground_truth_with_masks_is_tinted) {
  image picture = gray_picture(100, 100, 100);
  labels truth;
  truth.boxes = {{.1f, .1f, .9f, .9f}};
  truth.classes = {0};
  truth.masks = {image(100, 100, 1)};
  *truth.masks[0].at(50, 60) = 1;
  draw_labels(picture, truth, {});
  const std::uint8_t* tinted = picture.at(50, 60);
  BOOST_TEST((tinted[0] == 111 && tinted[1] == 162 && tinted[2] == 60));  // 0.4 of chartreuse
  BOOST_TEST(int{picture.at(50, 61)[0]} == 100);
  truth.masks = {image(100, 99, 1)};
  BOOST_CHECK_THROW(draw_labels(picture, truth, {}), error);
}

BOOST_AUTO_TEST_CASE(text_grows_with_its_height_and_stays_within_its_size) {
  for (const int cap : {5, 9, 12, 33, 80}) {
    const std::string text = "jQ{|}g_@ 87%";
    const size2 size = text_size(text, cap);
    image picture = gray_picture(size.height + 20, size.width + 20);
    draw_text(picture, 10, 10, text, cap, {255, 255, 255});
    const extent e = drawn(picture);
    BOOST_TEST(e.count > 0);
    BOOST_TEST((e.top >= 10 && e.left >= 10 && e.bottom < 10 + size.height && e.right < 10 + size.width), cap);
    BOOST_TEST(size.height >= cap);
  }
}

BOOST_AUTO_TEST_CASE(every_printable_character_has_a_shape_of_its_own) {
  std::vector<std::vector<std::uint8_t>> shapes;
  for (char c = 33; c < 127; ++c) {
    image picture = gray_picture(40, 40);
    draw_text(picture, 5, 5, std::string(1, c), 18, {255, 255, 255});
    BOOST_TEST(drawn(picture).count >= 5, c);
    BOOST_TEST(std::ranges::count(shapes, picture.pixels) == 0, c);
    shapes.push_back(picture.pixels);
  }
  image foreign = gray_picture(40, 40);
  draw_text(foreign, 5, 5, "\xf4\x8f\xbf\xbe", 18, {255, 255, 255});  // one of four bytes, that no font has
  BOOST_TEST((foreign.pixels == shapes['?' - 33]));
}

BOOST_AUTO_TEST_CASE(text_beyond_the_edges_is_cut) {
  for (const auto& [y, x] : {std::pair(-7, -9), std::pair(15, 25), std::pair(-100, 0), std::pair(0, 100)}) {
    image picture = gray_picture(20, 30);
    draw_text(picture, y, x, "edge", 12, {0, 0, 0});
    BOOST_TEST((picture.height == 20 && picture.pixels.size() == 20u * 30 * 3));
  }
}

BOOST_AUTO_TEST_CASE(labels_can_be_read_at_any_size_of_picture) {
  const detections found = {{{.3f, .3f, .7f, .7f}, 0, .87f}};
  const std::vector<std::string> names = {"cat"};
  for (const int side : {64, 300, 640, 1500, 4000}) {
    image with = gray_picture(side, side), without = with;
    draw_detections(with, found, names);
    draw_options bare;
    bare.labels = bare.scores = false;
    draw_detections(without, found, names, bare);
    const int label_height = drawn(without).top - drawn(with).top;
    BOOST_TEST(label_height >= std::max(11, side / 60), side);
  }
}

BOOST_AUTO_TEST_CASE(a_label_that_is_too_wide_is_shortened_and_nothing_is_drawn_outside) {
  const std::string name(200, 'w');
  image picture = gray_picture(50, 60);
  const boxf everywhere[] = {{0, 0, 1, 1}, {-.5f, -.5f, 2, 2}, {.9f, .9f, 1, 1}, {.5f, .5f, .5f, .5f}, {2, 2, 3, 3}};
  detections found;
  for (const boxf& b : everywhere) found.push_back({b, 0, .9f});
  draw_detections(picture, found, std::vector<std::string>{name});
  BOOST_TEST(drawn(picture).count > 0);
}

BOOST_AUTO_TEST_CASE(a_frame_lies_on_the_edges_and_is_pushed_into_the_picture) {
  image picture = gray_picture(100, 100);
  draw_box(picture, {.2f, .3f, .6f, .8f}, {255, 0, 0}, 4);
  const extent e = drawn(picture);
  BOOST_TEST((e.top == 18 && e.left == 29 && e.bottom == 62 && e.right == 81));
  BOOST_TEST(picture.at(40, 50)[0] == 128);  // hollow
  image whole = gray_picture(100, 100);
  draw_box(whole, {0, 0, 1, 1}, {255, 0, 0}, 4);
  BOOST_TEST((whole.at(3, 50)[0] == 255 && whole.at(4, 50)[0] == 128 && whole.at(96, 50)[0] == 255));
}

BOOST_AUTO_TEST_CASE(only_the_first_boxes_above_the_score_are_drawn) {
  image none = gray_picture(50, 50), one = none, two = none;
  const detections found = {
      {{.1f, .1f, .3f, .3f}, 0, .5f}, {{.5f, .5f, .8f, .8f}, 0, .6f}, {{.6f, .1f, .9f, .3f}, 0, .7f}};
  draw_options options;
  options.labels = options.scores = false;
  options.min_score = .9f;
  draw_detections(none, found, {}, options);
  BOOST_TEST(drawn(none).count == 0);
  options.min_score = .5f;
  options.max_boxes = 1;
  draw_detections(one, found, {}, options);
  BOOST_TEST(drawn(one).top >= 23);
  BOOST_TEST(drawn(one).left >= 23);
}

BOOST_AUTO_TEST_CASE(side_by_side_joins_two_pictures) {
  const image left = gray_picture(10, 20, 50), right = gray_picture(15, 5, 200);
  const image both = side_by_side(left, right);
  BOOST_TEST((both.size() == size2{15, 25}));
  BOOST_TEST((both.at(9, 19)[0] == 50 && both.at(10, 19)[0] == 0 && both.at(14, 20)[0] == 200));
}

BOOST_AUTO_TEST_CASE(drawing_needs_three_channels) {
  image gray(10, 10, 1);
  BOOST_CHECK_THROW(draw_box(gray, {0, 0, 1, 1}, {}, 1), error);
  BOOST_CHECK_THROW(draw_text(gray, 0, 0, "a", 9, {}), error);
  BOOST_CHECK_THROW(draw_detections(gray, {}, {}), error);
}

BOOST_AUTO_TEST_SUITE_END()
