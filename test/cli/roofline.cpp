// SPDX-License-Identifier: MIT
#include <odt/cli/roofline.hpp>

#include <boost/test/unit_test.hpp>

namespace {

constexpr odt::machine_ceilings most{100e9, 10e9};

/// One bound by multiply-adds at half of the peak, one by memory at a tenth, one that is no work at all.
std::vector<odt::operation_time> operations() {
  return {{"FeatureExtractor/MobilenetV1/MobilenetV1/Conv2d_1_pointwise/Conv2D", "convolution", 0.002, 100e6, 1e6},
          {"FeatureExtractor/MobilenetV1/MobilenetV1/Conv2d_1_depthwise/depthwise", "depthwise", 0.010, 10e6, 10e6},
          {"", "assign targets", 0.001, 0, 0},
          {"BoxPredictor_0/<Class>/BiasAdd", "convolution", 0.001, 100e6, 1e6}};
}

int count(std::string_view text, std::string_view part) {
  int n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(roofline_tests)

BOOST_AUTO_TEST_CASE(the_nearer_ceiling_counts) {
  const auto o = operations();
  BOOST_TEST(odt::roofline_seconds(o[0], most) == 0.001, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(odt::roofline_seconds(o[1], most) == 0.001, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(odt::lost_seconds(o[1], most) == 0.009, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(odt::lost_seconds(o[2], most) == 0.001);
}

BOOST_AUTO_TEST_CASE(those_that_lose_most_come_first) {
  auto o = operations();
  odt::sort_by_lost_time(o, most);
  BOOST_TEST(o[0].operation == "depthwise");
  BOOST_TEST(o[3].layer == "BoxPredictor_0/<Class>/BiasAdd");
}

BOOST_AUTO_TEST_CASE(totals_add_up_by_kind) {
  const auto totals = odt::totals_by_kind(operations());
  BOOST_TEST_REQUIRE(totals.size() == 3u);
  BOOST_TEST(totals[0].operation == "convolution");
  BOOST_TEST(totals[0].seconds == 0.003, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(totals[0].flops == 200e6);
  BOOST_TEST(totals[0].layer == "");
}

BOOST_AUTO_TEST_CASE(a_line_has_time_loss_rates_and_share) {
  const std::string table = odt::roofline_table(operations(), most);
  BOOST_TEST(table.find("   2.000    1.000      50.0     0.5            50  convolution      FeatureExtractor/") !=
             table.npos);
  BOOST_TEST(table.find("   1.000    1.000       0.0     0.0             -  assign targets\n") != table.npos);
}

BOOST_AUTO_TEST_CASE(layers_have_short_names) {
  BOOST_TEST(odt::short_layer_name("FeatureExtractor/MobilenetV1/MobilenetV1/Conv2d_1_depthwise/depthwise") ==
             "Conv2d_1_depthwise");
  BOOST_TEST(odt::short_layer_name("FeatureExtractor/InceptionV2/InceptionV2/Mixed_3b/Branch_0/Conv2d_0a_1x1/Conv2D") ==
             "Mixed_3b/Branch_0/Conv2d_0a_1x1");
  BOOST_TEST(odt::short_layer_name("FeatureExtractor/MobilenetV1/Conv2d_13_pointwise_1_Conv2d_2_1x1_256/Conv2D") ==
             "Conv2d_13_pointwise_1_Conv2d_2_1x1_256");
  BOOST_TEST(odt::short_layer_name("BoxPredictor_0/ClassPredictor/BiasAdd") == "BoxPredictor_0/ClassPredictor");
  BOOST_TEST(odt::short_layer_name("input") == "input");
}

BOOST_AUTO_TEST_CASE(the_picture_has_a_dot_an_operation_and_escapes_names) {
  const std::string svg = odt::roofline_svg(operations(), most, "a & b");
  BOOST_TEST(svg.starts_with("<svg "));
  BOOST_TEST(svg.ends_with("</svg>\n"));
  BOOST_TEST(count(svg, "<title>") == 3);
  BOOST_TEST(count(svg, "a &amp; b") == 1);
  BOOST_TEST(count(svg, "<Class>") == 0);
  BOOST_TEST(count(svg, "100 GFLOP/s") == 1);
  BOOST_TEST(count(svg, "10.0 GB/s") == 1);
  BOOST_TEST(count(svg, "nan") == 0);
  BOOST_TEST(odt::roofline_svg({}, most, "nothing").ends_with("</svg>\n"));
}

BOOST_AUTO_TEST_SUITE_END()
