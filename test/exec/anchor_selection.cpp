// SPDX-License-Identifier: MIT
#include <odt/exec/anchor_selection.hpp>

#include <boxes.hpp>

namespace test = odt::test;
using odt::boxf;

namespace {

boxf window_of(const test::golden_case& c) { return test::box_at(c.in("window"), 0); }

std::vector<float> numbers(const odt::anchor_selection& kept) { return {kept.rows.begin(), kept.rows.end()}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(anchor_selection_tests)

BOOST_AUTO_TEST_CASE(anchors_across_the_border_go_as_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/box_list_ops/prune_outside_window")) {
  for (const auto& c : test::golden_cases("box_list_ops/prune_outside_window")) {
    const auto kept = odt::prune_outside_window(test::to_boxes(c.in("boxes")), window_of(c));
    test::check_close(test::to_floats(kept.boxes), c.out("boxes"), c, "boxes");
    test::check_close(kept.rows, c.out("indices"), c, "indices");
  }
}

BOOST_AUTO_TEST_CASE(anchors_are_clipped_as_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/box_list_ops/clip_to_window")) {
  for (const auto& c : test::golden_cases("box_list_ops/clip_to_window")) {
    const auto boxes = test::to_boxes(c.in("boxes"));
    const auto kept = odt::clip_to_window(boxes, window_of(c), c.params().at("filter_nonoverlapping"));
    test::check_close(test::to_floats(kept.boxes), c.out("boxes"), c, "boxes");
    test::check_close(numbers(kept), c.out("scores"), c, "scores");  // a box's score is its number
    BOOST_TEST(kept.all == static_cast<int>(boxes.size()));
  }
}

BOOST_AUTO_TEST_CASE(all_anchors_keep_their_numbers) {
  const auto kept = odt::all_anchors(std::vector<boxf>{{0, 0, 1, 1}, {-1, -1, 3, 3}});
  BOOST_TEST(kept.rows == (std::vector{0, 1}));
  BOOST_TEST((kept.boxes[1] == boxf{-1, -1, 3, 3}));
}

BOOST_AUTO_TEST_SUITE_END()
