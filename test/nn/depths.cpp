// SPDX-License-Identifier: MIT
#include <odt/nn/depths.hpp>

#include <boost/test/unit_test.hpp>

#include <string_view>

BOOST_AUTO_TEST_SUITE(depths_tests)

BOOST_AUTO_TEST_CASE(a_layer_keeps_a_channel_or_is_refused) {
  BOOST_TEST(odt::scaled_depth(32, 0.25f, 0) == 8);
  BOOST_TEST(odt::scaled_depth(32, 0.25f, 16) == 16);
  BOOST_CHECK_EXCEPTION(odt::scaled_depth(32, 0.01f, 0), odt::error, [](const odt::error& e) {
    return std::string_view(e.what()).starts_with("depth_multiplier 0.01 and min_depth 0 leave a layer of 32 channels");
  });
}

BOOST_AUTO_TEST_CASE(divisible_depths_lose_at_most_a_tenth) {
  BOOST_TEST(odt::divisible_depth(24, 8, 8) == 24);
  BOOST_TEST(odt::divisible_depth(36, 8, 8) == 40);
  BOOST_TEST(odt::divisible_depth(35, 8, 8) == 32);
  BOOST_TEST(odt::divisible_depth(11.2, 8, 8) == 16);  // 8 would be too few
  BOOST_TEST(odt::divisible_depth(8, 8, 16) == 16);
}

BOOST_AUTO_TEST_SUITE_END()
