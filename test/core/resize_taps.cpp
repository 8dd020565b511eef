// SPDX-License-Identifier: MIT
#include <odt/core/resize_taps.hpp>

#include <boost/test/unit_test.hpp>

namespace odt::test {
namespace {

BOOST_AUTO_TEST_SUITE(resize_tap_tests)

BOOST_AUTO_TEST_CASE(taps_lie_in_the_row_and_their_shares_make_one) {
  for (const auto method : {resize_method::nearest_neighbor, resize_method::bicubic, resize_method::area})
    for (const int in : {1, 2, 7, 30})
      for (const int out : {1, 3, 7, 64}) {
        const resize_axis axis{method, in, out};
        for (int i = 0; i < out; ++i) {
          float sum = 0;
          for (int k = 0; k < tap_count(axis); ++k) {
            const resize_tap tap = tap_of(axis, i, k);
            BOOST_REQUIRE(tap.index >= 0);
            BOOST_REQUIRE(tap.index < in);
            sum += tap.weight;
          }
          BOOST_TEST(sum == 1.0f, boost::test_tools::tolerance(1e-5f));
        }
      }
}

BOOST_AUTO_TEST_CASE(bilinear_taps_are_neighbours_at_the_scaled_place) {
  const resize_axis axis{resize_method::bilinear, 3, 6};
  BOOST_TEST(tap_of(axis, 3, 0).index == 1);
  BOOST_TEST(tap_of(axis, 3, 1).index == 2);
  BOOST_TEST(tap_of(axis, 3, 1).weight == 0.5f);
  BOOST_TEST(tap_of(axis, 5, 1).index == 2);
  BOOST_TEST(blend(2.0f, 4.0f, 0.25f) == 2.5f);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
