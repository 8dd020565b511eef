// SPDX-License-Identifier: MIT
#include <odt/exec/met_taps.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <vector>

namespace {

namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_SUITE(met_taps_tests)

BOOST_DATA_TEST_CASE(are_those_of_the_definition,
                     data::make({1, 2, 3, 7}) * data::make({1, 2, 3, 4}) * data::make({1, 2, 3}) *
                         data::make({0, 1, 4}),
                     kernel, stride, rate, pad) {
  constexpr int size = 10;
  for (int place = 0; place < stride; ++place) {
    const odt::met_taps met(place, size, kernel, stride, rate, pad);
    std::vector<int> wanted, found;
    for (int tap = 0; tap < kernel; ++tap)
      if ((place + pad - tap * rate) % stride == 0) wanted.push_back(tap);
    for (int i = 0; i < met.count; ++i) found.push_back(met.first + i * met.step);
    BOOST_TEST(found == wanted, boost::test_tools::per_element());
    int pixels = 0;
    for (int pixel = place; pixel < size; pixel += stride, ++pixels)
      for (int i = 0; i < met.count; ++i)
        BOOST_TEST((met.source + pixels - i * met.source_step) * stride == pixel + pad - found[i] * rate);
    BOOST_TEST(met.pixels == pixels);
    if (wanted.empty()) continue;
    BOOST_TEST(met.last() == wanted.back());
    BOOST_TEST(met.last_source() * stride == place + pad - wanted.back() * rate);
  }
}

BOOST_AUTO_TEST_CASE(a_place_beyond_the_axis_has_no_pixels) { BOOST_TEST(odt::met_taps(1, 1, 3, 2, 1, 0).pixels == 0); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
