// SPDX-License-Identifier: MIT
#include <odt/box_coders/square.hpp>

#include <box_coders/golden_coder.hpp>

BOOST_AUTO_TEST_SUITE(square_tests)

BOOST_AUTO_TEST_CASE(codes_are_the_api_s, *odt::test::needs(odt::test::golden() / "units/box_coders/square")) {
  for (const auto& c : odt::test::golden_cases("box_coders/square")) {
    const odt::square_box_coder coder{{.y_scale = odt::test::scale_of(c, "y_scale"),
                                       .x_scale = odt::test::scale_of(c, "x_scale"),
                                       .length_scale = odt::test::scale_of(c, "length_scale")}};
    odt::test::check_coder<false>(coder, c);
    odt::test::check_coder<true>(coder, c);
  }
}

BOOST_AUTO_TEST_CASE(a_box_comes_back_as_the_square_of_its_area) {
  const odt::square_box_coder coder;
  const odt::box<double> anchor{0, 0, 1, 1};
  const odt::box<double> back = coder.decode(coder.encode(odt::box<double>{0.25, 0.4, 0.75, 0.6}, anchor), anchor);
  BOOST_TEST(odt::area(back) == 0.1, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(odt::height(back) == odt::width(back), boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_SUITE_END()
