// SPDX-License-Identifier: MIT
#include "toy_detector.hpp"

#include <odt/train/norm_averages.hpp>

#include <boost/test/unit_test.hpp>

namespace {

/// Two norms: one of the feature extractor, of which a checkpoint may know, one of the box predictor.
class normed_detector : public odt::test::toy_detector {
 public:
  std::vector<odt::state_tensor> state() override {
    return {{"FeatureExtractor/BatchNorm/moving_mean", {1}, zero_, true, false},
            {"BoxPredictor/BatchNorm/moving_mean", {1}, zero_, true, false},
            {"BoxPredictor/BatchNorm/beta", {1}, zero_}};
  }
  std::optional<odt::norm_constants> norm_of(std::string_view variable) const override {
    return variable.starts_with("Box") ? predictor : extractor;
  }

  odt::norm_constants extractor{0.001f, 0.9997f}, predictor{0.001f, 0.97f};

 private:
  std::array<float, 1> zero_{};
};

odt::restore_report with_extractor() {
  odt::restore_report report;
  report.lines.resize(2);
  report.lines[0].variable = "FeatureExtractor/BatchNorm/moving_mean";
  report.lines[0].what = odt::restore_line::outcome::restored;
  report.lines[1].variable = "BoxPredictor/BatchNorm/moving_mean";
  return report;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(norm_averages_tests)

BOOST_AUTO_TEST_CASE(norms_that_remember_longer_than_a_training_lasts_are_told) {
  normed_detector model;
  const std::string said = odt::norm_averages_mismatch(model, nullptr, 1500);
  BOOST_TEST(has(said, "after 1,500 steps with a decay of 0.9997, the moving averages of 1 of 2 batch norms"), said);
  BOOST_TEST(has(said, "64 % of their initial values"), said);
  BOOST_TEST(has(said, "decay: 0.967"), said);
  BOOST_TEST(has(said, "train for 9,985 steps"), said);
}

BOOST_AUTO_TEST_CASE(long_trainings_and_those_without_end_are_fine) {
  normed_detector model;
  BOOST_TEST(odt::norm_averages_mismatch(model, nullptr, 9985) == "");
  BOOST_TEST(odt::norm_averages_mismatch(model, nullptr, 0) == "");
}

BOOST_AUTO_TEST_CASE(norms_that_a_checkpoint_has_or_that_do_not_train_are_fine) {
  normed_detector model;
  const odt::restore_report start = with_extractor();
  BOOST_TEST(odt::norm_averages_mismatch(model, &start, 1500) == "");
  BOOST_TEST(has(odt::norm_averages_mismatch(model, &start, 10), "the moving averages of 1 of 2 batch norms"));
  BOOST_TEST(has(odt::norm_averages_mismatch(model, nullptr, 10), "the moving averages of 2 of 2 batch norms"));
  model.extractor.trains = false;
  BOOST_TEST(odt::norm_averages_mismatch(model, nullptr, 1500) == "");
}

BOOST_AUTO_TEST_CASE(a_few_steps_are_too_few_for_any_usual_decay) {
  normed_detector model;
  model.extractor.decay = model.predictor.decay;
  const std::string said = odt::norm_averages_mismatch(model, nullptr, 8);
  BOOST_TEST(has(said, "may find nothing; train for 99 steps or more"), said);
}

BOOST_AUTO_TEST_CASE(a_decay_of_one_has_no_number_of_steps_that_is_enough) {
  normed_detector model;
  model.extractor.decay = 1;
  const std::string said = odt::norm_averages_mismatch(model, nullptr, 100'000);
  BOOST_TEST(has(said, "100 % of their initial values"), said);
  BOOST_TEST(!has(said, "train for"), said);
}

BOOST_AUTO_TEST_SUITE_END()
