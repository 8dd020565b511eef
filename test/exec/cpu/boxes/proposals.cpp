// SPDX-License-Identifier: MIT
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/exec/cpu/boxes/proposals.hpp>

#include "two_stage.hpp"

#include <odt/core/random.hpp>

namespace {

namespace cpu = odt::cpu;
namespace test = odt::test;
using odt::boxf;

/// A grid's anchors and random predictions for them.
struct problem {
  int batch = 2;
  std::vector<boxf> anchors;
  std::vector<float> encodings, objectness;

  explicit problem(std::uint64_t seed) {
    odt::random_stream random(seed);
    for (int i = 0; i < 211; ++i) {
      const float y = random.uniform(-20, 100), x = random.uniform(-20, 140);
      anchors.push_back({y, x, y + random.uniform(5, 60), x + random.uniform(5, 60)});
    }
    encodings.resize(8 * anchors.size()), objectness.resize(4 * anchors.size());
    for (float& e : encodings) e = random.uniform(-2, 2);
    for (float& o : objectness) o = random.uniform(-4, 4);
  }
  odt::rpn_predictions view() const {
    return {batch, static_cast<int>(anchors.size()), encodings.data(), objectness.data()};
  }
};

test::proposals_memory propose(const problem& p, const odt::anchor_selection& anchors,
                               const odt::first_stage_options& o, int capacity, int threads = 1) {
  odt::thread_pool pool(threads);
  cpu::proposal_workspace space(anchors.size(), threads);
  test::proposals_memory out(p.batch, capacity);
  const std::vector<boxf> windows{{0, 0, 112, 144}, {0, 0, 90, 100}};
  cpu::propose(pool, odt::faster_rcnn_box_coder{}, anchors, o, p.view(), {112, 144}, windows, space, out.view());
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(proposals_tests)

BOOST_AUTO_TEST_CASE(proposals_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/detectors/faster_rcnn_proposals")) {
  odt::thread_pool pool(2);
  for (const auto& c : test::golden_cases("detectors/faster_rcnn_proposals")) {
    const auto anchors = odt::all_anchors(test::to_boxes(c.in("anchors")));
    const auto encodings = c.in("rpn_box_encodings"), size = c.in("image_shape"), sizes = c.in("true_image_shapes");
    const auto codes = encodings.as<float>(), logits = c.in("rpn_objectness_predictions_with_background").as<float>();
    odt::first_stage_options o;
    o.nms_score_threshold = c.params().at("first_stage_nms_score_threshold");
    o.nms_iou_threshold = c.params().at("first_stage_nms_iou_threshold");
    o.max_proposals = c.params().at("max_num_proposals");
    const int batch = static_cast<int>(encodings.shape[0]);
    std::vector<boxf> windows;
    for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i)
      windows.push_back({0, 0, static_cast<float>(sizes[3 * i]), static_cast<float>(sizes[3 * i + 1])});
    cpu::proposal_workspace space(anchors.size(), pool.size());
    test::proposals_memory out(batch, o.max_proposals);
    cpu::propose(pool, odt::faster_rcnn_box_coder{}, anchors, o, {batch, anchors.size(), codes.data(), logits.data()},
                 {static_cast<int>(size[0]), static_cast<int>(size[1])}, windows, space, out.view());
    test::check_close(test::to_floats(out.normalized), c.out("normalized_proposal_boxes"), c, "boxes");
    test::check_close(out.scores, c.out("proposal_scores"), c, "scores");
    test::check_close(out.counts, c.out("num_proposals"), c, "counts");
  }
}

BOOST_AUTO_TEST_CASE(padding_is_zero_and_boxes_are_of_two_kinds) {
  const problem p(3);
  const auto out = propose(p, odt::all_anchors(p.anchors), {.nms_iou_threshold = 0.2f}, 300);
  BOOST_TEST(out.counts[0] > 0);
  BOOST_TEST(out.counts[0] < 300);
  for (std::size_t i = 0; i < out.boxes.size(); ++i) {
    const boxf& b = out.boxes[i];
    const bool padding = static_cast<int>(i % 300) >= out.counts[i / 300];
    BOOST_TEST((b == boxf{0, 0, 0, 0}) == padding);
    BOOST_TEST((out.scores[i] == 0) == padding);
    const boxf n = out.normalized[i];
    BOOST_TEST(test::to_floats(std::vector{boxf{n.ymin * 112, n.xmin * 144, n.ymax * 112, n.xmax * 144}}) ==
                   test::to_floats(std::vector{b}),
               boost::test_tools::tolerance(1e-6f) << boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(anchors_that_were_dropped_propose_nothing) {
  problem p(4);
  const auto kept = odt::prune_outside_window(p.anchors, {0, 0, 112, 144});
  BOOST_TEST(kept.size() > 20);
  BOOST_TEST(kept.size() < kept.all);
  // The same as if the predictions of the others had never been made.
  problem of_kept = p;
  of_kept.anchors = kept.boxes, of_kept.encodings.clear(), of_kept.objectness.clear();
  for (int image = 0; image < p.batch; ++image)
    for (const int row : kept.rows) {
      const std::ptrdiff_t at = image * kept.all + row;
      of_kept.encodings.insert(of_kept.encodings.end(), p.encodings.begin() + 4 * at, p.encodings.begin() + 4 * at + 4);
      of_kept.objectness.insert(of_kept.objectness.end(), p.objectness.begin() + 2 * at,
                                p.objectness.begin() + 2 * at + 2);
    }
  const auto a = propose(p, kept, {}, 50), b = propose(of_kept, odt::all_anchors(of_kept.anchors), {}, 50);
  BOOST_TEST((a.boxes == b.boxes));
  BOOST_TEST(a.scores == b.scores);
  BOOST_TEST(a.counts == b.counts);
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  const problem p(5);
  const auto anchors = odt::all_anchors(p.anchors);
  const auto one = propose(p, anchors, {}, 100), three = propose(p, anchors, {}, 100, 3);
  BOOST_TEST((one.boxes == three.boxes));
  BOOST_TEST((one.normalized == three.normalized));
  BOOST_TEST(one.scores == three.scores);
}

BOOST_AUTO_TEST_SUITE_END()
