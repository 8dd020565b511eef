// SPDX-License-Identifier: MIT
// SSDs at full size with the fixtures' formula weights: one photo, evaluation mode, from pixels to detections.
#include "models/model_case.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

namespace test = odt::test;
namespace data = boost::unit_test::data;

namespace full_cases {

/// Largest difference over the largest value, on the elements that were sampled.
double distance(const float* actual, const test::fs::path& stem) {
  if (!test::fs::exists(stem.string() + ".json")) {
    const auto expected = test::load_npy(stem.string() + ".npy");
    return test::over_max(std::span<const float>(actual, expected.size()), expected.values);
  }
  double worst = 0;
  for (const auto& expected : test::load_samples(stem)) {
    std::vector<float> values;
    for (std::size_t k = 0; k < expected.values.size(); ++k) values.push_back(actual[k * expected.stride]);
    worst = std::max(worst, test::over_max(values, expected.values));
  }
  return worst;
}

}  // namespace full_cases

using namespace full_cases;

BOOST_AUTO_TEST_SUITE(full_tests, *test::needs(test::models()))

BOOST_DATA_TEST_CASE(predictions_and_detections_are_the_apis,
                     data::make(test::present_cases({"full_ssd_mobilenet_v1", "full_ssd_inception_v2",
                                                     "full_ssd_mobilenet_v2", "full_ssdlite_mobilenet_v2",
                                                     "full_ssd_mobilenet_v1_fpn_320",
                                                     "full_ssd_mobilenet_v2_fpnlite_320",
                                                     "full_ssd_resnet50_v1_fpn_320", "full_ssd_mobilenet_v1_ppn"}))) {
  const auto folder = test::models() / std::string(sample);
  const auto what = test::load_json(folder / "case.json");
  const auto detector = test::make_detector(folder / "pipeline.config");
  test::load_formula_weights(*detector, what["params"]);
  const odt::image photo = test::load_photo(folder / "photo.npy");

  const odt::network_input input = odt::to_network_input(photo, detector->resizer(), detector->pixels());
  BOOST_TEST(distance(input.pixels.pixels.data(), folder / "preprocessed") < 1e-6);

  const odt::detections found = detector->detect(photo);
  auto& step = static_cast<odt::cpu::ssd_step<test::any_ssd::axes>&>(detector->device());
  const auto& moved = what["sensitivity"].front();  // TensorFlow's own, when the weights move by a rounding error
  const auto near = [&](const float* actual, const char* array) {
    BOOST_TEST(distance(actual, folder / array) < test::asked(3e-5, moved[array]["over_max"]));
  };
  near(step.network_runner().output(odt::box_encodings), "box_encodings");
  near(step.network_runner().output(odt::class_logits), "class_predictions_with_background");

  const auto shape = test::fs::exists(folder / "anchors.json") ? test::load_json(folder / "anchors.json")[0]["shape"]
                                                               : what["arrays"]["anchors"]["shape"];
  BOOST_REQUIRE_EQUAL(step.last_anchors().size(), shape[0].get<std::size_t>());
  BOOST_TEST(distance(&step.last_anchors()[0].ymin, folder / "anchors") < 1e-6);

  const auto boxes = test::load_npy(folder / "detection_boxes.npy"),
             scores = test::load_npy(folder / "detection_scores.npy"),
             labels = test::load_npy(folder / "detection_classes.npy"),
             count = test::load_npy(folder / "num_detections.npy");
  BOOST_REQUIRE_EQUAL(found.size(), static_cast<std::size_t>(count[0]));
  // Where scores are equal, which boxes are left of them is open.
  const bool ties = what["detections"]["smallest_score_gap"].get<double>() <= 0;
  int misses = 0;
  for (const odt::detection& d : found) {  // as sets, for neighbouring scores are nearer than the tolerance
    bool there = false;
    for (std::size_t k = 0; k < scores.size() && !there; ++k) {
      if (ties && !there) there = std::abs(d.score - scores[k]) < 3e-5;
      if (ties) continue;
      const float corners[] = {d.bounds.ymin, d.bounds.xmin, d.bounds.ymax, d.bounds.xmax};
      there = std::abs(d.score - scores[k]) < 3e-5 && d.label == static_cast<int>(labels[k]);
      for (std::size_t c = 0; c < 4; ++c) there = there && std::abs(corners[c] - boxes[k * 4 + c]) < 3e-5;
    }
    misses += there ? 0 : 1;
  }
  BOOST_TEST(misses <= 1);  // the last of a hundred may swap with the first that was dropped
}

BOOST_AUTO_TEST_SUITE_END()
