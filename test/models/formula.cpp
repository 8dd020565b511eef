// SPDX-License-Identifier: MIT
// Whole small SSDs that begin with the fixtures' formula weights: residuals, pyramids, shared heads. With all batch
// norm frozen a step is well conditioned, so forward, losses, gradients and update are sharp.
#include "models/train_case.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <map>
#include <string>

namespace data = boost::unit_test::data;

using namespace model_cases;

namespace formula_cases {

const auto frozen =
    test::present_cases({"train_ssd_resnet50_v1_fpn_frozen_bn", "train_ssd_mobilenet_v2_fpnlite_frozen_bn"});
const auto with_statistics = test::present_cases({"train_ssdlite_mobilenet_v2"});

/// The third total loss of the API's graph in float64. TensorFlow's own float32 is up to 7.6e-5 (fpnlite, 16 runs) and
/// 1.2e-4 (ResNet, 7) off it, with other threads, oneDNN or weights moved by up to 3e-7, and curve.npy's run of fpnlite
/// 4.7e-4. Ours: 1.1e-7 and 1.5e-5.
const std::map<std::string, double> third_losses_f64{{"train_ssd_resnet50_v1_fpn_frozen_bn", 28.354213},
                                                     {"train_ssd_mobilenet_v2_fpnlite_frozen_bn", 22.9925875}};

/// Largest difference of the predictions over their largest value.
double distance(trained& t, int output, const std::string& array) {
  const float* first = t.step().network_runner().output(output);
  const auto expected = t.load(array);
  return test::over_max(std::span<const float>(first, expected.size()), expected.values);
}

void check_losses(trained& t, const odt::step_report& report, const char* array, double ask) {
  const auto exact = t.load(array);
  const std::size_t ours[] = {1, 0, 2};  // localization, classification, regularization
  for (std::size_t i = 0; i < 3; ++i)
    BOOST_TEST(report.losses[ours[i]].second == exact[i], boost::test_tools::tolerance(i == 2 ? 1e-6 : ask));
}

}  // namespace formula_cases

using namespace formula_cases;

BOOST_AUTO_TEST_SUITE(formula_tests, *test::needs(test::models()))

BOOST_DATA_TEST_CASE(evaluation_gives_the_predictions_and_losses, data::make(frozen)) {
  trained t(sample);
  const auto report = t.detector->evaluate(t.photos(0));
  BOOST_TEST(distance(t, odt::box_encodings, "box_encodings_eval") < 3e-5);
  BOOST_TEST(distance(t, odt::class_logits, "class_predictions_eval") < 3e-5);
  check_losses(t, report, "losses_eval", 2e-6);
}

BOOST_DATA_TEST_CASE(a_train_step_gives_targets_losses_and_gradients, data::make(frozen)) {
  trained t(sample);
  t.step().network_runner().keep_all(true);
  const auto report = t.detector->train_step(t.photos(0));
  BOOST_TEST(distance(t, odt::box_encodings, "box_encodings_train_f64") < 3e-5);
  BOOST_TEST(distance(t, odt::class_logits, "class_predictions_train_f64") < 3e-5);
  check_losses(t, report, "losses_f64", 2e-6);

  const auto match = t.load("match");
  const auto& targets = t.step().last_targets();
  int wrong = 0;
  for (std::size_t i = 0; i < match.size(); ++i) wrong += targets.match[i] != static_cast<int>(match[i]) ? 1 : 0;
  BOOST_TEST(wrong == 0);
  test::check_close(std::span<const float>(targets.regression), t.load("reg_targets"), 1e-5, 1e-5,
                    "regression targets");

  std::vector<double> distances;
  double worst = 0;
  std::string worst_name;
  const auto& all = t.detector->variables().variables;
  for (const auto& expected : test::load_samples(t.folder / "gradients_f64")) {
    const auto v = std::ranges::find(all, odt::graph_name(expected.name), &odt::variable::name);
    BOOST_REQUIRE_MESSAGE(v != all.end(), "no variable " << expected.name);
    distances.push_back(gradient_distance(t, *v, expected));
    if (distances.back() > worst) worst = distances.back(), worst_name = expected.name;
  }
  BOOST_TEST(worst <= 3e-4, "the gradient of " << worst_name << " is off by " << worst);
  BOOST_TEST(median(distances) <= 5e-5);
}

BOOST_DATA_TEST_CASE(the_first_steps_move_the_variables_as_the_api_does, data::make(frozen)) {
  trained t(sample);
  const auto curve = t.load("curve");
  for (int step = 0; step < 3; ++step) {
    const auto report = t.detector->train_step(t.photos(step));
    if (step < 2)
      BOOST_TEST(report.total_loss == curve[static_cast<std::size_t>(step) * 4 + 3],
                 boost::test_tools::tolerance(2e-6));
    else
      BOOST_TEST(report.total_loss == third_losses_f64.at(sample), boost::test_tools::tolerance(1.5e-4));
    if (step > 0) continue;
    check_first_update(t, "/Momentum", 3e-4);
  }
}

BOOST_DATA_TEST_CASE(with_batch_statistics_forward_and_losses_are_as_near_as_tensorflows, data::make(with_statistics)) {
  trained t(sample);
  t.step().network_runner().keep_all(true);
  const auto report = t.detector->train_step(t.photos(0));
  const auto& f32 = t.what["tolerance"]["float32_against_float64"];
  const auto near = [&](int output, const char* key, const char* array) {
    BOOST_TEST(distance(t, output, array) <= test::asked(0, f32[key]["over_max"]), array);
  };
  near(odt::box_encodings, "box_encodings", "box_encodings_train_f64");
  near(odt::class_logits, "class_predictions", "class_predictions_train_f64");
  check_losses(t, report, "losses_f64", test::asked(5e-5, f32["losses"]["localization"]));
}

BOOST_AUTO_TEST_SUITE_END()
