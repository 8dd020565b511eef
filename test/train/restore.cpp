// SPDX-License-Identifier: MIT
#include <odt/train/restore.hpp>

#include "train/toy_data.hpp"
#include "train/toy_detector.hpp"

#include <boost/test/unit_test.hpp>

namespace {

using odt::test::scratch_directory;
using odt::test::toy_detector;
using outcome = odt::restore_line::outcome;

/// A detector that has trained a little.
void train_a_little(toy_detector& model, int steps = 3) {
  auto b = odt::batch::zeros(2, 8, 8, 4);
  for (std::size_t i = 0; i < b.images.size(); ++i) b.images[i] = static_cast<float>(i % 7) / 7;
  b.counts = {1, 2};
  for (int i = 0; i < steps; ++i) model.train_step(b);
}

bool message_has(const odt::error& e, std::string_view text) {
  const bool found = std::string_view(e.what()).find(text) != std::string_view::npos;
  if (!found) BOOST_TEST_MESSAGE(e.what());
  return found;
}

const odt::restore_line& line(const odt::restore_report& report, std::string_view variable) {
  return *std::ranges::find(report.lines, variable, &odt::restore_line::variable);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(restore_tests)

BOOST_AUTO_TEST_CASE(what_was_saved_comes_back_bit_for_bit) {
  const scratch_directory at;
  toy_detector saved(1), read(2);
  train_a_little(saved);
  odt::save_checkpoint(saved, {.seed = 7, .samples_seen = 6, .data_fingerprint = ~0ull, .config = "model { }"},
                       at / "model.ckpt-3");
  const auto run = odt::resume_checkpoint(read, odt::checkpoint_reader(at / "model.ckpt-3"), {});
  BOOST_TEST(run.seed == 7u);
  BOOST_TEST(run.samples_seen == 6u);
  BOOST_TEST(run.data_fingerprint == ~0ull);
  BOOST_TEST(run.config == "model { }");
  BOOST_TEST(read.global_step() == 3);
  BOOST_TEST(read.weights() == saved.weights(), boost::test_tools::per_element());
  BOOST_TEST(read.averages() == saved.averages(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_checkpoint_of_another_detector_is_refused_with_names_and_shapes) {
  const scratch_directory at;
  odt::checkpoint_writer writer(at / "other");
  const std::array<std::int64_t, 1> shape{2};
  const std::array<float, 2> values{1, 2};
  writer.add<float>("FeatureExtractor/Toy/weights", shape, values);
  writer.commit();
  toy_detector model;
  const auto before = model.weights();
  const odt::checkpoint_reader reader(at / "other");
  BOOST_CHECK_EXCEPTION(odt::restore_variables(model, reader), odt::error, [](const odt::error& e) {
    return message_has(e, "BoxPredictor_0/biases [1] is missing") &&
           message_has(e, "FeatureExtractor/Toy/weights is float32 [2], expected float32 [3]");
  });
  BOOST_TEST(model.weights() == before, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(variables_are_enough_to_evaluate_and_averages_default_to_them) {
  const scratch_directory at;
  odt::checkpoint_writer writer(at / "bare");
  const std::array<std::int64_t, 1> three{3}, one{1};
  const std::array<float, 3> weights{1, 2, 3};
  const std::array<float, 1> bias{4};
  writer.add<float>("FeatureExtractor/Toy/weights", three, weights);
  writer.add<float>("BoxPredictor_0/biases", one, bias);
  writer.add<std::int64_t>("global_step", 12);
  writer.commit();
  toy_detector model;
  odt::restore_variables(model, odt::checkpoint_reader(at / "bare"), true);
  const std::array<float, 4> expected{1, 2, 3, 4};
  BOOST_TEST(model.weights() == expected, boost::test_tools::per_element());
  BOOST_TEST(model.averages() == expected, boost::test_tools::per_element());
  BOOST_TEST(model.global_step() == 12);
}

BOOST_AUTO_TEST_CASE(fine_tuning_takes_the_feature_extractor_and_says_what_it_left) {
  const scratch_directory at;
  toy_detector source(1), target(2);
  train_a_little(source);
  odt::save_checkpoint(source, {}, at / "model.ckpt-3");
  const auto initial = target.weights();
  const auto report = odt::fine_tune(target, {.checkpoint = at / "model.ckpt-3"});
  BOOST_TEST((line(report, "FeatureExtractor/Toy/weights").what == outcome::restored));
  BOOST_TEST((line(report, "BoxPredictor_0/biases").what == outcome::not_asked_for));
  for (std::size_t i = 0; i < 3; ++i) BOOST_TEST(target.weights()[i] == source.weights()[i]);
  BOOST_TEST(target.weights()[3] == initial[3]);
  BOOST_TEST(target.averages() == target.weights(), boost::test_tools::per_element());
  BOOST_TEST(target.global_step() == 0);
  BOOST_TEST(report.table().find("1 of 2 variables restored") != std::string::npos);
  BOOST_TEST(report.table().find("FeatureExtractor/Toy (1 variable)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(all_detection_variables_are_taken_when_asked_for) {
  const scratch_directory at;
  toy_detector source(1), target(2);
  odt::save_checkpoint(source, {}, at / "model.ckpt-0");
  odt::fine_tune(target, {.checkpoint = at / "model.ckpt-0", .load_all_detection_checkpoint_vars = true});
  BOOST_TEST(target.weights() == source.weights(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_classifier_has_the_names_without_the_scope) {
  const scratch_directory at;
  odt::checkpoint_writer writer(at / "classifier");
  const std::array<std::int64_t, 1> three{3};
  const std::array<float, 3> weights{1, 2, 3};
  writer.add<float>("Toy/weights", three, weights);
  writer.add<float>("Logits/weights", three, weights);
  writer.commit();
  toy_detector model;
  const auto report = odt::fine_tune(model, {.checkpoint = at / "classifier", .type = "classification"});
  BOOST_TEST(line(report, "FeatureExtractor/Toy/weights").source == "Toy/weights");
  BOOST_TEST(model.weights()[2] == 3);
  BOOST_TEST(report.unused.size() == 1u);
  BOOST_TEST(report.unused.front() == "Logits/weights");
}

BOOST_AUTO_TEST_CASE(shapes_that_differ_are_named_and_nothing_that_fits_is_refused) {
  const scratch_directory at;
  odt::checkpoint_writer writer(at / "other");
  const std::array<std::int64_t, 2> shape{1, 3};
  const std::array<float, 3> weights{1, 2, 3};
  writer.add<float>("FeatureExtractor/Toy/weights", shape, weights);
  writer.commit();
  toy_detector model;
  BOOST_CHECK_EXCEPTION(odt::fine_tune(model, {.checkpoint = at / "other"}), odt::error, [](const odt::error& e) {
    return message_has(e, "no variable that fits") &&
           message_has(e, "NOT restored   FeatureExtractor/Toy/weights [3]: the checkpoint's is float32 [1,3]");
  });
}

BOOST_AUTO_TEST_SUITE_END()
