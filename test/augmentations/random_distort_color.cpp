// SPDX-License-Identifier: MIT
#include <odt/augmentations/random_distort_color.hpp>

#include <odt/augmentations/random_adjust_brightness.hpp>
#include <odt/augmentations/random_adjust_contrast.hpp>
#include <odt/augmentations/random_adjust_hue.hpp>
#include <odt/augmentations/random_adjust_saturation.hpp>
#include <odt/augmentations/random_rgb_to_gray.hpp>

#include <functional>

#include "augmentations/fixture.hpp"

BOOST_AUTO_TEST_SUITE(random_distort_color_tests)

namespace {

/// Runs `decide` on each case of a folder and compares the pixels.
void match_the_api(const std::string& folder,
                   const std::function<void(odt::sketch&, const odt::test::golden_case&)>& decide) {
  for (const auto& c : odt::test::golden_cases("preprocessor/" + folder)) {
    odt::labels truth;
    odt::picture pixels(odt::test::image_of(c.in("image")));
    odt::recipe steps;
    odt::sketch photo(truth, pixels.size(), steps);
    decide(photo, c);
    follow(steps, pixels);
    odt::test::check_close(odt::test::pixels_of(pixels), odt::test::first_three_channels(c.out("image")), c);
  }
}

float amount_of(const odt::test::golden_case& c) { return static_cast<float>(c.in("draw")[0]); }

/// The amounts that an augmentation draws for n images.
template <odt::augmentation A>
std::vector<double> amounts(const A& a, int n) {
  std::vector<double> result;
  for (int i = 0; i < n; ++i) {
    odt::labels truth;
    odt::recipe steps;
    odt::sketch photo(truth, {60, 80}, steps);
    odt::random_stream random(2, static_cast<std::uint64_t>(i));
    a.draw(photo, random);
    for (const auto& op : steps) result.push_back(static_cast<double>(op.amount));
  }
  return result;
}

const auto distributions = odt::test::golden() / "units/distributions";
const auto preprocessor = odt::test::golden() / "units/preprocessor";

}  // namespace

BOOST_AUTO_TEST_CASE(brightness_is_the_apis, *odt::test::needs(preprocessor / "random_adjust_brightness")) {
  match_the_api("random_adjust_brightness", [](auto& photo, const auto& c) { photo.brightness(amount_of(c)); });
}

BOOST_AUTO_TEST_CASE(contrast_is_the_apis, *odt::test::needs(preprocessor / "random_adjust_contrast")) {
  match_the_api("random_adjust_contrast", [](auto& photo, const auto& c) { photo.contrast(amount_of(c)); });
}

BOOST_AUTO_TEST_CASE(hue_is_the_apis, *odt::test::needs(preprocessor / "random_adjust_hue")) {
  match_the_api("random_adjust_hue", [](auto& photo, const auto& c) { photo.hue(amount_of(c)); });
}

BOOST_AUTO_TEST_CASE(saturation_is_the_apis, *odt::test::needs(preprocessor / "random_adjust_saturation")) {
  match_the_api("random_adjust_saturation", [](auto& photo, const auto& c) { photo.saturation(amount_of(c)); });
}

BOOST_AUTO_TEST_CASE(gray_is_the_apis, *odt::test::needs(preprocessor / "random_rgb_to_gray")) {
  match_the_api("random_rgb_to_gray", [](auto& photo, const auto& c) {
    odt::random_rgb_to_gray{{c.params()["probability"].template get<float>()}}.decide(photo, amount_of(c));
  });
}

BOOST_AUTO_TEST_CASE(distorted_colors_are_the_apis, *odt::test::needs(preprocessor / "random_distort_color")) {
  match_the_api("random_distort_color", [](auto& photo, const auto& c) {
    const auto draw = [&c](const char* name) { return static_cast<float>(c.in(name)[0]); };
    const odt::random_distort_color a{{c.params()["color_ordering"].template get<int>()}};
    a.decide(photo, {draw("draw_brightness"), draw("draw_saturation"), draw("draw_hue"), draw("draw_contrast")});
  });
}

BOOST_AUTO_TEST_CASE(brightness_is_distributed_as_the_apis,
                     *odt::test::needs(distributions / "random_adjust_brightness")) {
  for (const auto& c : odt::test::golden_cases("distributions/random_adjust_brightness"))
    odt::test::check_distribution(amounts(odt::random_adjust_brightness{{c.params()["max_delta"].get<float>()}}, 3000),
                                  c, "delta");
}

BOOST_AUTO_TEST_CASE(hue_is_distributed_as_the_apis, *odt::test::needs(distributions / "random_adjust_hue")) {
  for (const auto& c : odt::test::golden_cases("distributions/random_adjust_hue"))
    odt::test::check_distribution(amounts(odt::random_adjust_hue{{c.params()["max_delta"].get<float>()}}, 3000), c,
                                  "delta");
}

BOOST_AUTO_TEST_CASE(contrast_is_distributed_as_the_apis, *odt::test::needs(distributions / "random_adjust_contrast")) {
  for (const auto& c : odt::test::golden_cases("distributions/random_adjust_contrast"))
    odt::test::check_distribution(amounts(odt::random_adjust_contrast{{c.params()["min_delta"].get<float>(),
                                                                       c.params()["max_delta"].get<float>()}},
                                          3000),
                                  c, "factor");
}

BOOST_AUTO_TEST_CASE(saturation_is_distributed_as_the_apis,
                     *odt::test::needs(distributions / "random_adjust_saturation")) {
  for (const auto& c : odt::test::golden_cases("distributions/random_adjust_saturation"))
    odt::test::check_distribution(amounts(odt::random_adjust_saturation{{c.params()["min_delta"].get<float>(),
                                                                         c.params()["max_delta"].get<float>()}},
                                          3000),
                                  c, "factor");
}

BOOST_AUTO_TEST_CASE(gray_is_as_frequent_as_the_apis, *odt::test::needs(distributions / "random_rgb_to_gray")) {
  for (const auto& c : odt::test::golden_cases("distributions/random_rgb_to_gray"))
    odt::test::check_probability(
        static_cast<double>(amounts(odt::random_rgb_to_gray{{c.params()["probability"].get<float>()}}, 3000).size()) /
            3000,
        c.content["outputs"]["probability_gray"]["p"].get<double>(), c, "gray");
}

BOOST_AUTO_TEST_CASE(distorted_colors_are_distributed_as_the_apis,
                     *odt::test::needs(distributions / "random_distort_color")) {
  for (const auto& c : odt::test::golden_cases("distributions/random_distort_color")) {
    const odt::random_distort_color a{{c.params()["color_ordering"].get<int>()}};
    const odt::float_image source = odt::test::image_of(c.in("pixels"));
    std::vector<std::vector<double>> values(6);
    for (std::uint64_t i = 0; i < 3000; ++i) {
      odt::labels truth;
      odt::recipe steps;
      odt::picture pixels(source);
      odt::sketch photo(truth, pixels.size(), steps);
      odt::random_stream random(3, i);
      a.draw(photo, random);
      follow(steps, pixels);
      const auto out = odt::test::pixels_of(pixels);
      for (std::size_t v = 0; v < values.size(); ++v) values[v].push_back(static_cast<double>(out[v]));
    }
    for (std::size_t v = 0; v < values.size(); ++v)
      odt::test::check_distribution(values[v], c, std::string("pixel") + "01"[v / 3] + "." + "rgb"[v % 3]);
  }
}

BOOST_AUTO_TEST_CASE(colors_of_single_pixels_are_those_of_hsv) {
  const auto near = [](odt::rgb a, odt::rgb b) {
    BOOST_TEST(std::abs(a.r - b.r) < 1e-3f);
    BOOST_TEST(std::abs(a.g - b.g) < 1e-3f);
    BOOST_TEST(std::abs(a.b - b.b) < 1e-3f);
  };
  near(odt::adjust_hue({200, 40, 40}, 1.0f / 3), {40, 200, 40});
  near(odt::adjust_hue({200, 40, 40}, -1.0f / 6), {200, 40, 200});
  near(odt::adjust_hue({7, 7, 7}, 0.3f), {7, 7, 7});
  near(odt::adjust_saturation({200, 100, 100}, 0.5f), {200, 150, 150});
  near(odt::adjust_saturation({200, 100, 150}, 9.0f), {200, 0, 100});  // saturation ends at 1
  near(odt::adjust_saturation({0, 0, 0}, 2.0f), {0, 0, 0});
  near(odt::adjust_brightness({250, 100, 0}, 0.1f), {255, 125.5f, 25.5f});
  near(odt::adjust_contrast({100, 50, 250}, 2.0f, {90, 60, 200}), {110, 40, 255});
  near(odt::to_gray({100, 200, 50}), {152.99f, 152.99f, 152.99f});
}

BOOST_AUTO_TEST_SUITE_END()
