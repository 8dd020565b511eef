// SPDX-License-Identifier: MIT
#include <odt/core/box.hpp>

#include <boxes.hpp>

namespace {

using odt::boxf;
using odt::test::check_close;
using odt::test::golden_cases;
using odt::test::to_boxes;
using odt::test::to_floats;

auto needs(const std::string& folder) { return odt::test::needs(odt::test::golden() / "units/box_list_ops" / folder); }

template <class F>
std::vector<float> each(const std::vector<boxf>& boxes, F&& f) {
  std::vector<float> values;
  for (const boxf& b : boxes) values.push_back(f(b));
  return values;
}

template <class F>
std::vector<float> all_pairs(const odt::test::golden_case& c, F&& f) {
  std::vector<float> values;
  for (const boxf& a : to_boxes(c.in("boxes1")))
    for (const boxf& b : to_boxes(c.in("boxes2"))) values.push_back(f(a, b));
  return values;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(box_tests)

BOOST_AUTO_TEST_CASE(areas_are_the_api_s, *needs("area")) {
  for (const auto& c : golden_cases("box_list_ops/area"))
    check_close(each(to_boxes(c.in("boxes")), odt::area<float>), c.out("area"), c);
}

BOOST_AUTO_TEST_CASE(sides_are_the_api_s, *needs("height_width")) {
  for (const auto& c : golden_cases("box_list_ops/height_width")) {
    check_close(each(to_boxes(c.in("boxes")), odt::height<float>), c.out("height"), c);
    check_close(each(to_boxes(c.in("boxes")), odt::width<float>), c.out("width"), c);
  }
}

BOOST_AUTO_TEST_CASE(intersections_are_the_api_s, *needs("intersection")) {
  for (const auto& c : golden_cases("box_list_ops/intersection")) {
    check_close(all_pairs(c, odt::intersection<float>), c.out("intersection"), c);
    check_close(all_pairs(c, odt::iou<float>), c.out("iou"), c);
  }
  for (const auto& c : golden_cases("box_list_ops/iou_numpy"))
    check_close(all_pairs(c, odt::iou<float>), c.out("numpy_iou"), c);
}

BOOST_AUTO_TEST_CASE(pairs_are_the_api_s, *needs("matched_iou")) {
  for (const auto& c : golden_cases("box_list_ops/matched_iou")) {
    const auto a = to_boxes(c.in("boxes1")), b = to_boxes(c.in("boxes2"));
    std::vector<float> shared, ious;
    for (std::size_t i = 0; i < a.size(); ++i) {
      shared.push_back(odt::intersection(a[i], b[i]));
      ious.push_back(odt::iou(a[i], b[i]));
    }
    check_close(shared, c.out("matched_intersection"), c);
    check_close(ious, c.out("matched_iou"), c);
  }
}

BOOST_AUTO_TEST_CASE(clipped_boxes_are_the_api_s, *needs("clip_to_window")) {
  for (const auto& c : golden_cases("box_list_ops/clip_to_window")) {
    const boxf window = to_boxes(c.in("window"))[0];
    std::vector<boxf> clipped;
    for (const boxf& b : to_boxes(c.in("boxes"))) {
      clipped.push_back(odt::clip(b, window));
      if (c.params().at("filter_nonoverlapping").get<bool>() && !(odt::area(clipped.back()) > 0)) clipped.pop_back();
    }
    check_close(to_floats(clipped), c.out("boxes"), c);
  }
}

BOOST_AUTO_TEST_CASE(changed_frames_are_the_api_s, *needs("change_coordinate_frame")) {
  for (const auto& c : golden_cases("box_list_ops/change_coordinate_frame")) {
    const boxf window = to_boxes(c.in("window"))[0];
    std::vector<boxf> moved;
    for (const boxf& b : to_boxes(c.in("boxes"))) moved.push_back(odt::change_coordinate_frame(b, window));
    check_close(to_floats(moved), c.out("boxes"), c);
  }
}

BOOST_AUTO_TEST_CASE(a_box_in_its_own_frame_is_the_unit_square) {
  constexpr boxf window{0.25f, 0.5f, 0.75f, 1.0f};
  static_assert(odt::change_coordinate_frame(window, window) == boxf{0, 0, 1, 1});
  static_assert(odt::clip(boxf{0, 0, 1, 0.25f}, window) == boxf{0.25f, 0.5f, 0.75f, 0.5f});
  static_assert(odt::iou(window, boxf{0.25f, 0.5f, 0.5f, 1.0f}) == 0.5f);
  static_assert(odt::intersection(window, boxf{0.75f, 0, 1, 1}) == 0);
  BOOST_TEST(odt::iou(boxf{1, 1, 1, 1}, boxf{1, 1, 1, 1}) == 0);
}

BOOST_AUTO_TEST_CASE(upright_boxes_have_their_corners_in_order) {
  const boxf upright{0, 1, 2, 3};
  for (const boxf& b : {upright, boxf{2, 1, 0, 3}, boxf{0, 3, 2, 1}, boxf{2, 3, 0, 1}})
    BOOST_TEST((odt::upright(b) == upright));
}

BOOST_AUTO_TEST_SUITE_END()
