// SPDX-License-Identifier: MIT
// The numbers of the API's own calibration_builder_test, and what a calibration_config has to say.
#include "any_faster_rcnn.hpp"
#include "any_ssd.hpp"
#include "scratch.hpp"

#include <odt/calibration.hpp>
#include <odt/config/pipeline.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using odt::test::says;

namespace data = boost::unit_test::data;

odt::pipeline config_of(const std::string& calibration) {
  return odt::pipeline::parse("model { ssd { post_processing { calibration_config { " + calibration + " } } } }",
                              "pipeline.config");
}

/// For predictions of three columns.
odt::calibration_options read(const std::string& calibration) {
  const auto config = config_of(calibration);
  const auto& ssd = config.root().at("model").at("ssd");
  auto options = odt::calibration_options::from(ssd.at("post_processing").at("calibration_config"), 3);
  odt::refuse_unread(config.root());
  return options;
}

std::string points(std::initializer_list<odt::calibration_pair> all) {
  std::string text;
  for (const auto& p : all) text += odt::str("x_y_pair { x: ", p.x, " y: ", p.y, " } ");
  return text;
}

std::string approximation(std::initializer_list<odt::calibration_pair> all) {
  return "function_approximation { x_y_pairs { " + points(all) + "} }";
}

std::string entry(int key, const std::string& value) {
  return odt::str("class_id_xy_pairs_map { key: ", key, " value { ", value, "} } ");
}

void check(const std::string& calibration, const std::vector<float>& scores, const std::vector<float>& expected,
           int column = 1) {
  const auto options = read(calibration);
  for (std::size_t i = 0; i < scores.size(); ++i)
    BOOST_TEST(options.view()(scores[i], column) == expected[i], boost::test_tools::tolerance(1e-6f));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(calibration_tests)

BOOST_AUTO_TEST_CASE(points_are_joined_by_lines) {
  check(approximation({{0, .5f}, {.5f, .5f}, {1, .5f}}), {0, .25f, .5f, .75f, 1}, {.5f, .5f, .5f, .5f, .5f});
  check(approximation({{0, .6f}, {.5f, .7f}, {1, 1}}), {0, .25f, .5f, .75f, 1}, {.6f, .65f, .7f, .85f, 1});
  check(approximation({{0, 0}, {.5f, .25f}, {1, .75f}}), {.1f, .2f, .3f, .4f, .5f, .6f, .7f, .8f, .9f, 1},
        {.05f, .1f, .15f, .2f, .25f, .35f, .45f, .55f, .65f, .75f});
}

BOOST_AUTO_TEST_CASE(beyond_the_points_lies_the_nearest_ones_value) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const auto line = approximation({{.25f, .125f}, {.75f, .875f}});
  check(line, {-infinity, -9, 0, .25f, .75f, .9f, 9, infinity},
        {.125f, .125f, .125f, .125f, .875f, .875f, .875f, .875f});
  check(approximation({{.5f, .75f}}), {0, .5f, 1}, {.75f, .75f, .75f});
  BOOST_TEST(std::isnan(read(line).view()(std::numeric_limits<float>::quiet_NaN(), 0)));
}

BOOST_AUTO_TEST_CASE(classes_have_functions_of_their_own_and_others_stay_as_they_are) {
  const auto calibration = "class_id_function_approximations { " + entry(2, points({{0, 0}, {.2f, .6f}, {1, 1}})) +
                           entry(0, points({{0, .5f}, {.5f, .5f}, {1, .5f}})) + "}";
  check(calibration, {.1f, .9f, .6f, .08f}, {.5f, .5f, .5f, .5f}, 0);
  check(calibration, {.1f, .9f, .6f, .08f}, {.1f, .9f, .6f, .08f}, 1);
  check(calibration, {.2f, .1f, .4f, .92f}, {.6f, .3f, .7f, .96f}, 2);
}

BOOST_AUTO_TEST_CASE(a_temperature_divides) {
  check("temperature_scaling_calibration { scaler: 2 }", {.1f, .5f, 0, 1}, {.05f, .25f, 0, .5f});
}

BOOST_AUTO_TEST_CASE(sigmoids_are_platt_s) {
  check("sigmoid_calibration { sigmoid_parameters { } }", {0, 1, -1}, {.5f, .7310586f, .2689414f});
  check("sigmoid_calibration { sigmoid_parameters { a: -4 b: 2 } }", {0, .5f, 1}, {.1192029f, .5f, .8807971f});
  const std::string by_class =
      "class_id_sigmoid_calibrations { class_id_sigmoid_parameters_map { key: 1 value { a: -4 b: 2 } } }";
  check(by_class, {.5f, 1}, {.5f, .8807971f}, 1);
  check(by_class, {.25f, 1}, {.25f, 1}, 2);
}

BOOST_AUTO_TEST_CASE(a_calibration_has_a_name_and_a_summary) {
  const auto said = [](const std::string& calibration) {
    const auto o = read(calibration);
    return odt::str(o.name(), ": ", o.summary());
  };
  BOOST_TEST(said(approximation({{0, 0}, {1, 1}})) == "function_approximation: 2 points");
  BOOST_TEST(said("class_id_function_approximations { " + entry(1, points({{0, 0}})) + "}") ==
             "class_id_function_approximations: 1 class");
  BOOST_TEST(said("sigmoid_calibration { sigmoid_parameters { a: -4 b: 2 } }") == "sigmoid_calibration: a -4, b 2");
  BOOST_TEST(said("temperature_scaling_calibration { scaler: 2 }") == "temperature_scaling_calibration: scaler 2");
  BOOST_TEST(!odt::calibration_options{});
}

BOOST_AUTO_TEST_CASE(what_is_no_calibration_is_refused_by_its_place) {
  const auto refuses = [](const std::string& calibration, const std::string& what) {
    BOOST_CHECK_EXCEPTION(read(calibration), odt::error, says(what));
  };
  refuses("", "calibration_config: is empty; one of function_approximation, ");
  refuses("function_approximation { x_y_pairs { } }", "x_y_pairs: has no x_y_pair");
  refuses(approximation({{0, 0}, {.5f, .5f}, {.5f, .6f}}), "x_y_pair[2].x: is 0.5 behind a point of 0.5");
  refuses(approximation({{0, .5f}, {1, .25f}}), "x_y_pair[1].y: is 0.25 behind a point of 0.5");
  refuses("class_id_function_approximations { }", "class_id_xy_pairs_map: is empty");
  refuses("class_id_function_approximations { " + entry(3, points({{0, 0}})) + "}",
          "class_id_xy_pairs_map[0].key: 3 is no column of the predictions; there are 0 to 2");
  refuses("class_id_function_approximations { " + entry(1, points({{0, 0}})) + entry(1, points({{1, 0}})) + "}",
          "class_id_xy_pairs_map[1].key: 1 is taken by ");
  refuses("sigmoid_calibration { sigmoid_parameters { a: 1 } }", "sigmoid_parameters.a: is 1; it has to be 0 or less");
  refuses("temperature_scaling_calibration { scaler: 0 }", "scaler: is 0; it has to be more than 0");
}

/// A detector of that family finds less sure objects of the same boxes when its scores are halved.
template <class Detector>
void check_detections(typename Detector::options o, float probability) {
  const auto picture = odt::batch::zeros(1, 96, 96, 0);
  o.resizer = odt::image_resizer::fixed_shape({96, 96});
  Detector plain(o, {.seed = 1, .threads = 1});
  o.post_processing.calibration = {odt::calibration_kind::temperature, false, {{2, 0}}, {0, 1}};
  Detector halved(o, {.seed = 1, .threads = 1});
  const auto sure = plain.detect(picture).at(0), unsure = halved.detect(picture).at(0);
  BOOST_TEST_REQUIRE(!sure.empty());
  BOOST_TEST(sure[0].score > probability);
  BOOST_TEST_REQUIRE(sure.size() == unsure.size());
  for (std::size_t i = 0; i < sure.size(); ++i) BOOST_TEST(unsure[i].score == sure[i].score / 2);
  BOOST_TEST(halved.describe(1, {96, 96}).parts.back().name == "temperature_scaling_calibration");
  BOOST_TEST(plain.describe(1, {96, 96}).parts.back().what != "calibration");
}

BOOST_AUTO_TEST_CASE(detections_of_both_families_are_calibrated) {
  odt::test::any_ssd::options ssd;
  ssd.num_classes = 2;
  ssd.post_processing.converter = odt::score_converter::sigmoid;
  check_detections<odt::test::any_ssd>(ssd, 0.25f);
  odt::test::any_faster_rcnn::options two_stages;
  two_stages.num_classes = 2;
  two_stages.feature_extractor = odt::faster_rcnn_inception_v2{};
  two_stages.regions.depth = 16;
  two_stages.regions.initial_crop_size = 4;
  two_stages.loss.first.max_proposals = 4;
  check_detections<odt::test::any_faster_rcnn>(two_stages, 0.1f);
}

BOOST_AUTO_TEST_SUITE_END()
