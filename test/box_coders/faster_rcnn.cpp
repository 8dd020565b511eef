// SPDX-License-Identifier: MIT
#include <odt/box_coders/faster_rcnn.hpp>

#include <box_coders/golden_coder.hpp>

BOOST_AUTO_TEST_SUITE(faster_rcnn_tests)

BOOST_AUTO_TEST_CASE(codes_are_the_api_s, *odt::test::needs(odt::test::golden() / "units/box_coders/faster_rcnn")) {
  for (const auto& c : odt::test::golden_cases("box_coders/faster_rcnn")) {
    const odt::faster_rcnn_box_coder coder{{.y_scale = odt::test::scale_of(c, "y_scale"),
                                            .x_scale = odt::test::scale_of(c, "x_scale"),
                                            .height_scale = odt::test::scale_of(c, "height_scale"),
                                            .width_scale = odt::test::scale_of(c, "width_scale")}};
    odt::test::check_coder<false>(coder, c);
    odt::test::check_coder<true>(coder, c);
  }
}

BOOST_AUTO_TEST_CASE(the_code_of_a_box_is_offset_and_log_ratio) {
  // Anchor 0.2 x 0.4 around (0.5, 0.5); box 0.4 x 0.2 around (0.55, 0.4): 10*.25, 10*-.25, 5*ln 2, -5*ln 2.
  const auto code = odt::faster_rcnn_box_coder{}.encode(odt::box<double>{0.35, 0.3, 0.75, 0.5}, {0.4, 0.3, 0.6, 0.7});
  BOOST_TEST(code[0] == 2.5, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(code[1] == -2.5, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(code[2] == 3.46573590, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(code[3] == -3.46573590, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_SUITE_END()
