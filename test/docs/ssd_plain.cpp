// SPDX-License-Identifier: MIT
// The backbone of docs/writing_a_backbone.md: its shapes, and a detector that learns with it.
#include <docs/ssd_plain.hpp>
#include <docs/two_squares.hpp>

#include <odt/nn/shapes.hpp>
#include <odt/ssd.hpp>

#include <boost/test/unit_test.hpp>

using my_detector = odt::ssd<ssd_plain, odt::faster_rcnn_box_coder, odt::argmax_matcher, odt::momentum>;
static_assert(odt::feature_extractor<ssd_plain>);
static_assert(my_detector::anchor_count({300, 300}) == 1917);

BOOST_AUTO_TEST_SUITE(ssd_plain_tests)

BOOST_AUTO_TEST_CASE(stages_halve_the_size_and_double_the_depth) {
  odt::network net;
  const odt::endpoints ends = plain_backbone(net, 0, {.variables = "Plain"});
  const auto shapes = odt::shapes(net, {64, 96});
  for (int stage = 1; stage <= 4; ++stage) {
    const odt::shape3& s = shapes[static_cast<std::size_t>(ends.at("stage_" + odt::decimal(stage)))];
    BOOST_TEST((s == odt::shape3{64 >> (stage + 1), 96 >> (stage + 1), 16 << stage}));
  }
}

BOOST_AUTO_TEST_CASE(a_detector_learns_with_it) {
  my_detector::options o;
  o.num_classes = 1;
  o.rate.schedule = odt::constant_learning_rate{{.learning_rate = 0.01f}};
  my_detector detector(o, {.seed = 1});
  const float first = detector.train_step(two_squares()).total_loss;
  float last = first;
  for (int i = 0; i < 30; ++i) last = detector.train_step(two_squares()).total_loss;
  BOOST_TEST(last < 0.7f * first);
}

BOOST_AUTO_TEST_SUITE_END()
