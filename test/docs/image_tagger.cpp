// SPDX-License-Identifier: MIT
// The family of docs/writing_a_detector.md learns, and its checkpoint has what checkpoints have.
#include <docs/image_tagger.hpp>
#include <docs/two_squares.hpp>

#include <boost/test/unit_test.hpp>

namespace {

/// The two pictures, the first of class 0 and the second of class 1.
odt::batch two_classes() {
  odt::batch b = two_squares();
  b.classes = {0, 1};
  return b;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_tagger_tests)

BOOST_AUTO_TEST_CASE(it_learns_which_picture_has_which_class) {
  tagger_options o;
  o.rate.schedule = odt::constant_learning_rate{{.learning_rate = 0.05f}};
  image_tagger tagger(o, {.seed = 1});
  const float first = tagger.train_step(two_classes()).total_loss;
  float last = first;
  for (int i = 0; i < 40; ++i) last = tagger.train_step(two_classes()).total_loss;
  BOOST_TEST(last < 0.3f * first);
  BOOST_TEST(tagger.global_step() == 41);
  BOOST_TEST(tagger.detect(two_classes()).size() == 2u);
}

BOOST_AUTO_TEST_CASE(its_state_is_that_of_every_detector) {
  image_tagger tagger;
  bool weights = false, momentum = false, averages = false;
  for (const odt::state_tensor& t : tagger.state()) {
    weights = weights || t.name == "Tags/weights";
    momentum = momentum || t.name == "Tags/weights/Momentum";
    averages = averages || t.name == "Tags/weights/ExponentialMovingAverage";
  }
  BOOST_TEST((weights && momentum && averages));
  BOOST_TEST(tagger.describe(1, {96, 96}).parts.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
