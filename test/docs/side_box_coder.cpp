// SPDX-License-Identifier: MIT
// The policy of docs/writing_a_policy.md: its law, and a detector that learns with it.
#include <docs/side_box_coder.hpp>
#include <docs/two_squares.hpp>

#include <odt/core/random.hpp>
#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/ssd.hpp>

#include <boost/test/unit_test.hpp>

using my_detector = odt::ssd<odt::mobilenet_v1, side_box_coder, odt::argmax_matcher, odt::momentum>;
static_assert(odt::box_coder<side_box_coder>);
static_assert(my_detector::anchor_count({300, 300}) == 1917);

namespace {

double distance(const odt::box<double>& a, const odt::box<double>& b) {
  return std::max(
      {std::abs(a.ymin - b.ymin), std::abs(a.xmin - b.xmin), std::abs(a.ymax - b.ymax), std::abs(a.xmax - b.xmax)});
}

odt::box<double> random_box(odt::random_stream& random) {
  const double y = random.uniform(), x = random.uniform();
  return {y, x, y + random.uniform(0.01f, 1), x + random.uniform(0.01f, 1)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(side_box_coder_tests)

BOOST_AUTO_TEST_CASE(a_box_survives_the_round_trip) {
  odt::random_stream random(1);
  const side_box_coder coder;
  for (int i = 0; i < 1000; ++i) {
    const odt::box<double> anchor = random_box(random), b = random_box(random);
    BOOST_REQUIRE_LT(distance(coder.decode(coder.encode(b, anchor), anchor), b), 1e-9);
  }
}

BOOST_AUTO_TEST_CASE(a_side_one_anchor_away_has_the_code_scale) {
  const odt::boxf anchor{0.25f, 0.25f, 0.5f, 0.75f};
  const auto code = side_box_coder{{.scale = 2}}.encode(odt::boxf{0.5f, 0.25f, 0.75f, 0.5f}, anchor);
  const std::array<float, 4> expected{2, 0, 2, -1};
  BOOST_TEST(code == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(vectors_have_the_codes_of_numbers) {
  using odt::cpu::vec;
  const side_box_coder coder;
  const odt::boxf b{0.1f, 0.2f, 0.6f, 0.9f}, anchor{0.0f, 0.3f, 0.5f, 0.7f};
  const auto spread = [](const odt::boxf& one) {
    return odt::box<vec>{vec(one.ymin), vec(one.xmin), vec(one.ymax), vec(one.xmax)};
  };
  const auto code = coder.encode(b, anchor);
  const auto codes = coder.encode(spread(b), spread(anchor));
  for (std::size_t k = 0; k < code.size(); ++k) {
    float lanes[odt::cpu::lanes];
    odt::cpu::store(lanes, codes[k]);
    BOOST_TEST(lanes[0] == code[k]);
  }
}

BOOST_AUTO_TEST_CASE(a_detector_learns_with_it) {
  my_detector::options o;
  o.num_classes = 1;
  std::get<odt::mobilenet_v1>(o.feature_extractor).opts.depth_multiplier = 0.25f;
  std::get<odt::mobilenet_v1>(o.feature_extractor).opts.min_depth = 8;
  o.resizer = odt::image_resizer::fixed_shape({96, 96});
  o.rate.schedule = odt::constant_learning_rate{{.learning_rate = 0.01f}};
  my_detector model(o, {.seed = 1, .threads = 1});
  const odt::batch b = two_squares();
  const auto localization = [](const odt::step_report& report) { return report.losses[1].second; };
  const odt::step_report first = model.train_step(b);
  odt::step_report last;
  for (int step = 1; step < 30; ++step) last = model.train_step(b);
  BOOST_REQUIRE_EQUAL(first.losses[1].first, "Loss/localization_loss");
  BOOST_TEST(localization(first) > 0);
  BOOST_TEST(localization(last) < localization(first) / 2);
}

BOOST_AUTO_TEST_SUITE_END()
