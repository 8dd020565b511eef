// SPDX-License-Identifier: MIT
#include <odt/box_coders/square.hpp>
#include <odt/ssd.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

namespace {

using squares = odt::ssd<odt::mobilenet_v1, odt::square_box_coder, odt::argmax_matcher, odt::momentum>;

squares::options small_options() {
  squares::options o;
  o.num_classes = 1;
  std::get<odt::mobilenet_v1>(o.feature_extractor).opts.depth_multiplier = 0.25f;
  std::get<odt::mobilenet_v1>(o.feature_extractor).opts.min_depth = 8;
  o.resizer = odt::image_resizer::fixed_shape({96, 96});
  return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(network_tests)

BOOST_AUTO_TEST_CASE(a_coder_and_a_predictor_of_other_sizes_are_refused) {
  BOOST_CHECK_EXCEPTION(squares{small_options()}, odt::error, [](const odt::error& e) {
    return std::string(e.what()).find("square_box_coder codes a box by 3 numbers") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(codes_of_three_numbers_train) {
  squares::options o = small_options();
  std::get<odt::convolutional_box_predictor>(o.box_predictor).opts.box_code_size = 3;
  squares model(o, {.threads = 1});
  odt::batch b = odt::batch::zeros(1, 96, 96, 1);
  b.counts = {1}, b.boxes = {{0.25f, 0.25f, 0.75f, 0.75f}}, b.weights = {1};
  const float first = model.train_step(b).total_loss;
  float last = first;
  for (int step = 0; step < 10; ++step) last = model.train_step(b).total_loss;
  BOOST_TEST(last < first);
}

BOOST_AUTO_TEST_SUITE_END()
