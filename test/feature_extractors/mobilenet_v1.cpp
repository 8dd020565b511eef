// SPDX-License-Identifier: MIT
#include <odt/box_predictors/convolutional.hpp>
#include <odt/feature_extractors/inception_v2.hpp>
#include <odt/feature_extractors/mobilenet_v1.hpp>
#include <odt/nn/arena.hpp>
#include <odt/nn/plan.hpp>

#include <boost/test/unit_test.hpp>

#include <array>

namespace {

constexpr std::array<int, 6> sample_boxes{3, 6, 6, 6, 6, 6};

template <class Extractor>
constexpr odt::network sample(const typename Extractor::options& options = {}) {
  odt::network net;
  const auto maps = Extractor{options}.build(net, 0);
  odt::convolutional_box_predictor{}.build(net, maps, sample_boxes, 91);
  return net;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mobilenet_v1_tests)

static_assert(odt::anchor_count(sample<odt::mobilenet_v1>(), {300, 300}) == 1917);
static_assert(odt::parameter_count(sample<odt::mobilenet_v1>()) == 6819839);

BOOST_AUTO_TEST_CASE(multiply_adds_are_the_known_number) {
  BOOST_TEST(odt::multiply_adds(sample<odt::mobilenet_v1>(), {300, 300}) / 1e6 == 1237.1,
             boost::test_tools::tolerance(1e-4));
}

BOOST_AUTO_TEST_CASE(the_arena_is_close_to_the_peak) {
  for (const auto& net : {sample<odt::mobilenet_v1>(), sample<odt::inception_v2>()}) {
    const auto plan = odt::lower(net, 8, {300, 300}, odt::run_mode::train);
    const auto bytes = odt::pack(plan).floats * 4;
    BOOST_TEST_MESSAGE("peak " << odt::peak_bytes(plan) << ", packed " << bytes);
    BOOST_TEST(bytes >= odt::peak_bytes(plan));
    BOOST_TEST(static_cast<double>(bytes) <= 1.05 * static_cast<double>(odt::peak_bytes(plan)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
