// SPDX-License-Identifier: MIT
#include <odt/core/crop_taps.hpp>
#include <odt/core/random.hpp>

#include <boost/test/unit_test.hpp>

#include <array>

namespace odt::test {
namespace {

/// Axes over maps and crops of several sizes, of boxes that are small, swapped, empty, or reach outside.
template <class Body>
void each_axis(const Body& body) {
  random_stream random(5);
  for (const int in : {1, 2, 7, 38})
    for (const int out : {1, 2, 7, 14})
      for (int i = 0; i < 60; ++i) {
        const float begin = 1.4f * random.uniform() - 0.2f;
        const std::array<float, 4> ends{1.4f * random.uniform() - 0.2f, begin, begin + 1e-7f, 1.0f};
        body(crop_axis(begin, ends[static_cast<std::size_t>(i % 4)], in, out));
        body(crop_axis(in, out));
      }
}

BOOST_AUTO_TEST_SUITE(crop_tap_tests)

BOOST_AUTO_TEST_CASE(samples_go_from_side_to_side) {
  const crop_axis axis(0.25f, 0.75f, 9, 5);
  for (int i = 0; i < 5; ++i) BOOST_TEST(axis.position(i) == 2.0f + static_cast<float>(i));
  const crop_tap tap = crop_axis(0.25f, 0.75f, 9, 9).tap(1);
  BOOST_TEST(tap.low == 2);
  BOOST_TEST(tap.high == 3);
  BOOST_TEST(tap.share == 0.5f);
  BOOST_TEST(crop_axis(0.75f, 0.25f, 9, 5).position(4) == 2.0f);
  BOOST_TEST(crop_axis(0.25f, 0.5f, 9, 1).position(0) == 3.0f);
}

BOOST_AUTO_TEST_CASE(samples_outside_are_known) {
  const crop_axis axis(-0.5f, 1.5f, 5, 5);
  const std::array<bool, 5> inside{false, true, true, true, false};
  for (int i = 0; i < 5; ++i) BOOST_TEST(axis.tap(i).inside == inside[static_cast<std::size_t>(i)]);
  BOOST_TEST(axis.tap(1).high == 0);
  BOOST_TEST(axis.tap(3).high == 4);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int i = 0; i < 5; ++i) BOOST_TEST(!crop_axis(nan, 1, 5, 5).tap(i).inside);
}

BOOST_AUTO_TEST_CASE(an_ulp_decides_whether_the_last_sample_of_a_box_that_ends_at_the_border_is_inside) {
  random_stream random(6);
  constexpr int boxes = 2000;
  int outside = 0;
  for (int i = 0; i < boxes; ++i) {
    const float begin = 0.9f * random.uniform();
    const volatile float scale = (1.0f - begin) * 37.0f / 13.0f;  // as the machine rounds it, step by step
    const volatile float far = 13.0f * scale, start = begin * 37.0f;
    const volatile float last = start + far;
    BOOST_TEST(crop_axis(begin, 1, 38, 14).tap(13).inside == (last <= 37.0f));
    outside += last > 37.0f;
  }
  BOOST_TEST(outside > boxes / 100);
  BOOST_TEST(outside < boxes / 10);
}

BOOST_AUTO_TEST_CASE(a_whole_map_is_sampled_from_corner_to_corner) {
  for (int in = 1; in < 60; ++in)
    for (int out = 1; out < 60; ++out) {
      const crop_axis axis(in, out);
      for (int i = 0; i < out; ++i) BOOST_TEST(axis.tap(i).inside);
      BOOST_TEST(axis.position(0) == 0.0f);
      if (out > 1)
        BOOST_TEST(axis.position(out - 1) == static_cast<float>(in - 1), boost::test_tools::tolerance(1e-6f));
    }
}

BOOST_AUTO_TEST_CASE(taps_lie_on_the_map_and_their_shares_make_one) {
  each_axis([](const crop_axis& axis) {
    for (int i = 0; i < axis.out; ++i) {
      const crop_tap tap = axis.tap(i);
      if (!tap.inside) continue;
      BOOST_REQUIRE(tap.low >= 0);
      BOOST_REQUIRE(tap.high < axis.in);
      BOOST_TEST(tap.of(tap.low) + (tap.high > tap.low ? tap.of(tap.high) : 0.0f) == 1.0f);
      BOOST_TEST(tap.of(tap.low - 1) == 0.0f);
      BOOST_TEST(tap.of(tap.high + 1) == 0.0f);
    }
  });
}

BOOST_AUTO_TEST_CASE(a_pixel_finds_all_samples_that_it_has_a_share_in) {
  each_axis([](const crop_axis& axis) {
    for (int pixel = 0; pixel < axis.in; ++pixel) {
      const crop_range samples = axis.near(pixel);
      BOOST_REQUIRE(samples.begin >= 0);
      BOOST_REQUIRE(samples.end <= axis.out);
      float sum = 0;
      for (int i = 0; i < axis.out; ++i) {
        const float share = axis.tap(i).of(pixel);
        sum += share;
        if (share > 0) BOOST_TEST((i >= samples.begin && i < samples.end));
      }
      BOOST_TEST(axis.total_of(pixel) == sum);
    }
  });
}

BOOST_AUTO_TEST_CASE(bins_share_a_box) {
  const position_sensitive_bins bins{2, 3, 4, 6};
  BOOST_TEST(bins.count() == 6);
  BOOST_TEST(bins.samples() == 24);
  const boxf box{0, 0, 1, 0.75f};
  const crop_axis rows = bins.rows(box, 4, 17), columns = bins.columns(box, 4, 17);
  BOOST_TEST(rows.out == 2);
  BOOST_TEST(rows.position(0) == 8.0f);
  BOOST_TEST(rows.position(1) == 16.0f);
  BOOST_TEST(columns.out == 2);
  BOOST_TEST(columns.position(0) == 4.0f);
  BOOST_TEST(columns.position(1) == 8.0f);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
