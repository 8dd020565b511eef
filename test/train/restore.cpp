// SPDX-License-Identifier: MIT
#include <odt/train/restore.hpp>

#include "train/toy_data.hpp"
#include "train/toy_detector.hpp"

#include <golden.hpp>
#include <io/table_samples.hpp>

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

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

/// The scopes of the model that a list of variables is of.
std::vector<odt::feature_extractor_scope> scopes_of(const std::string& model) {
  auto scopes = toy_detector().feature_extractor_scopes();
  if (model.find("inception_resnet_v2") != model.npos)
    scopes.back().renamed = {{"InceptionResnetV2/Repeat/", "InceptionResnetV2/Repeat_2/"}};
  if (model.find("rcnn_nas") != model.npos)
    for (auto& scope : scopes) scope.suffix = "/ExponentialMovingAverage";
  return scopes;
}

/// A list of variables against its own columns of names.
void check_names(const std::filesystem::path& list) {
  std::vector<std::string> variables, classifier, detector;
  std::ifstream file(list);
  for (std::string row; std::getline(file, row);) {
    std::istringstream fields(row);
    std::vector<std::string> columns;
    for (std::string text; std::getline(fields, text, '\t');) columns.push_back(text == "-" ? "" : text);
    if (columns.size() < 7 || row.starts_with('#') || columns[0] == "global_step") continue;
    variables.push_back(columns[0]);
    classifier.push_back(columns[5]);
    detector.push_back(columns[6]);
  }
  const auto scopes = scopes_of(list.filename().string());
  BOOST_TEST(!variables.empty());
  BOOST_TEST(odt::fine_tune_names(variables, scopes, {.type = "classification"}) == classifier,
             boost::test_tools::per_element());
  BOOST_TEST(odt::fine_tune_names(variables, scopes, {.type = "detection"}) == detector,
             boost::test_tools::per_element());
  const odt::fine_tune_options all{.type = "detection", .load_all_detection_checkpoint_vars = true};
  BOOST_TEST(odt::fine_tune_names(variables, scopes, all) == variables, boost::test_tools::per_element());
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

// As an SSD's base of a detector of two stages.
BOOST_AUTO_TEST_CASE(a_detector_serves_as_a_classifier_where_one_scope_has_all_names) {
  const scratch_directory at;
  const std::array<std::int64_t, 1> three{3};
  const std::array<float, 3> weights{1, 2, 3};
  const auto write = [&](const std::string& name, const std::vector<std::string>& tensors) {
    odt::checkpoint_writer writer(at / name);
    for (const std::string& tensor : tensors) writer.add<float>(tensor, three, weights);
    writer.commit();
  };
  write("one", {"Backbone/Toy/weights", "Backbone/Toy/weights/Momentum", "Backbone/Other/weights"});
  toy_detector model;
  const auto report = odt::fine_tune(model, {.checkpoint = at / "one", .type = "classification"});
  BOOST_TEST(line(report, "FeatureExtractor/Toy/weights").source == "Backbone/Toy/weights");
  BOOST_TEST(model.weights()[2] == 3);
  BOOST_TEST(report.table().find("the names below its scope Backbone/ are taken") != std::string::npos);

  write("two", {"First/Toy/weights", "Second/Toy/weights"});
  BOOST_CHECK_EXCEPTION(
      odt::fine_tune(model, {.checkpoint = at / "two", .type = "classification"}), odt::error, [](const odt::error& e) {
        return message_has(e, "no variable that fits") && message_has(e, "below several scopes: First/, Second/");
      });

  write("both", {"Backbone/Toy/weights", "Toy/weights"});
  const auto plain = odt::fine_tune(model, {.checkpoint = at / "both", .type = "classification"});
  BOOST_TEST(line(plain, "FeatureExtractor/Toy/weights").source == "Toy/weights");
  BOOST_TEST(plain.classifier_scopes.empty());
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

BOOST_AUTO_TEST_CASE(a_v1_file_and_an_archive_are_taken_as_they_are) {
  const scratch_directory at;
  odt::write_file(at / "resnet.ckpt", odt::test::v1_checkpoint({{"Toy/weights", {1, 2, 3}}}));
  odt::write_file(at / "toy.tar.gz",
                  odt::test::gzip(odt::test::tar({{"resnet.ckpt", odt::read_file(at / "resnet.ckpt")}})));
  for (const char* name : {"resnet.ckpt", "toy.tar.gz"}) {
    toy_detector model;
    const auto report = odt::fine_tune(model, {.checkpoint = at / name, .type = "classification"});
    BOOST_TEST(report.count(outcome::restored) == 1u);
    BOOST_TEST(model.weights()[2] == 3);
  }
}

BOOST_AUTO_TEST_CASE(variables_of_one_name_in_a_classifier_are_restored_in_the_later_scope) {
  const std::vector<std::string> variables{"Second/block4/weights", "First/block4/weights", "First/block3/weights"};
  const std::vector<odt::feature_extractor_scope> scopes{{"First/"}, {"Second/", {{"block4/", "last/"}}, "/Average"}};
  const auto names = [&](std::span<const odt::feature_extractor_scope> used, const odt::fine_tune_options& options) {
    return odt::join(odt::fine_tune_names(variables, used, options), ",");
  };
  BOOST_TEST(names(scopes, {.type = "classification"}) == "last/weights/Average,block4/weights,block3/weights");
  const std::vector<odt::feature_extractor_scope> plain{{"First/"}, {"Second/"}};
  BOOST_TEST(names(plain, {.type = "classification"}) == "block4/weights,,block3/weights");
  const std::vector<odt::feature_extractor_scope> second{{"Second/"}};
  BOOST_TEST(names(second, {}) == "Second/block4/weights,,");
}

// The columns of the lists: name, type, shape, trainable, slots, name in a classifier's and in a detector's checkpoint.
BOOST_AUTO_TEST_CASE(names_are_those_that_the_api_asks_for,
                     *odt::test::needs(odt::test::golden() / "models/variables")) {
  int lists = 0;
  for (const auto& entry : std::filesystem::directory_iterator(odt::test::golden() / "models/variables")) {
    if (entry.path().extension() != ".txt") continue;
    ++lists;
    BOOST_TEST_CONTEXT(entry.path().filename()) check_names(entry.path());
  }
  BOOST_TEST(lists > 30);
}

BOOST_AUTO_TEST_SUITE_END()
