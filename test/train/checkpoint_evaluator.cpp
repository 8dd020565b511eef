// SPDX-License-Identifier: MIT
#include <odt/train/checkpoint_evaluator.hpp>

#include "train/toy_data.hpp"
#include "train/toy_detector.hpp"

#include <odt/io/event_file.hpp>
#include <odt/train/trainer.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <thread>

namespace {

using odt::test::check_error;
using odt::test::scratch_directory;
using odt::test::toy_detector;

/// Finds nothing from its third step on.
struct forgetful_detector : toy_detector {
  using toy_detector::toy_detector;
  std::vector<odt::detections> detect(const odt::batch& b) override {
    return global_step() < 3 ? toy_detector::detect(b) : std::vector<odt::detections>(b.groundtruth.size());
  }
};

std::vector<odt::detector_type> types() {
  odt::detector_type forgetful = toy_detector::type();
  forgetful.make = [](const odt::settings& root, const odt::run_options& run) -> std::unique_ptr<odt::detector> {
    root.at("model").accept();
    root.at("train_config").accept();
    return std::make_unique<forgetful_detector>(run.seed);
  };
  return {forgetful};
}

std::string text_of(const std::function<void(odt::console&)>& action) {
  std::FILE* file = std::tmpfile();
  {
    odt::console out(file, false);
    action(out);
  }
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

/// The toy's training up to a step, in the directory "model".
void train(const scratch_directory& at, std::int64_t steps) {
  odt::train_flags flags;
  flags.pipeline_config_path = at / "pipeline.config";
  flags.model_dir = at / "model";
  flags.num_train_steps = steps;
  flags.evaluate = false;
  text_of([&](odt::console& out) { odt::train(types(), flags, out); });
}

odt::eval_flags flags(const scratch_directory& at, const std::string& overrides = "") {
  odt::eval_flags f;
  f.source.checkpoint = at / "model";
  f.source.hparams_overrides = overrides;
  f.eval_interval = 0;
  return f;
}

struct evaluated {
  std::int64_t count = 0;
  std::string text;
};

evaluated evaluate(const odt::eval_flags& f) {
  evaluated result;
  result.text = text_of([&](odt::console& out) { result.count = odt::evaluate_checkpoints(types(), f, out); });
  return result;
}

bool contains(std::string_view text, std::string_view part) {
  const bool found = text.find(part) != std::string_view::npos;
  if (!found) BOOST_TEST_MESSAGE("\"" << part << "\" is not in:\n" << text);
  return found;
}

/// The steps of each tag in the event files of a directory.
std::map<std::string, std::vector<std::int64_t>> tags(const std::string& directory) {
  std::map<std::string, std::vector<std::int64_t>> steps;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    odt::event_reader reader(file.path().string());
    for (odt::event e; reader.next(e);) steps[e.tag].push_back(e.step);
  }
  return steps;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_evaluator_tests)

BOOST_AUTO_TEST_CASE(watching_ends_after_max_evals_and_takes_what_comes_meanwhile) {
  const scratch_directory at;
  odt::test::write_toy_run(at);
  train(at, 1);
  std::thread trainer([&at] {
    while (!odt::is_directory(at / "model/eval_0")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    train(at, 2);
  });
  const auto result = evaluate(flags(at, "eval_config.max_evals=2"));
  trainer.join();
  BOOST_TEST(result.count == 2);
  BOOST_TEST(contains(result.text, "waiting for the next checkpoint"));
  const std::vector<std::int64_t> both{1, 2};
  const auto found = tags(at / "model/eval_0");
  for (const char* tag : {"DetectionBoxes_Precision/mAP", "checkpoint_path", "Detections_Left_Groundtruth_Right/0/0"})
    BOOST_TEST(found.at(tag) == both, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_refused_or_waited_for) {
  const scratch_directory at;
  odt::test::write_toy_run(at);
  auto f = flags(at, "eval_config.max_evals=1");
  check_error([&] { evaluate(f); }, {"no checkpoint here"});
  f.comes_later = true;
  std::thread trainer([&at] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    train(at, 1);
  });
  const auto result = evaluate(f);
  trainer.join();
  BOOST_TEST(result.count == 1);
  BOOST_TEST(contains(result.text, "waiting for the next checkpoint"));
}

BOOST_AUTO_TEST_CASE(the_next_evaluation_waits_for_its_time) {
  const scratch_directory at;
  odt::test::write_toy_run(at);
  train(at, 1);
  auto f = flags(at, "eval_config.eval_interval_secs=2,eval_config.max_evals=2");
  f.eval_interval = {};
  std::thread trainer([&at] {
    while (!odt::is_directory(at / "model/eval_0")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    train(at, 2);
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto result = evaluate(f);
  trainer.join();
  BOOST_TEST(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() >= 2);
  BOOST_TEST(contains(result.text, ", for 2 s at least"));
}

BOOST_AUTO_TEST_CASE(without_a_better_one_in_its_patience_it_ends) {
  const scratch_directory at;
  odt::test::write_toy_run(at);
  train(at, 2);
  auto f = flags(at);
  f.patience = 1;
  std::thread trainer([&at] {
    while (!odt::is_directory(at / "model/eval_0")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    train(at, 4);  // which finds nothing
  });
  const auto result = evaluate(f);
  trainer.join();
  BOOST_TEST(result.count == 2);
  BOOST_TEST(contains(result.text, "in 1 evaluation (--patience)"));
  BOOST_TEST(!odt::is_directory(at / "model/best"));
}

BOOST_AUTO_TEST_CASE(the_best_is_kept_and_exported_on_demand) {
  const scratch_directory at;
  odt::test::write_toy_run(at);
  train(at, 2);
  auto f = flags(at);
  f.run_once = f.keep_best = true;
  f.metric = "mAP@.50IOU";
  std::vector<std::string> exported;
  f.hooks.best = [&exported](const std::string& directory) { exported.push_back(directory); };
  BOOST_TEST(contains(evaluate(f).text, "best so far: DetectionBoxes_Precision/mAP@.50IOU = 1"));
  train(at, 4);
  BOOST_TEST(!contains(evaluate(f).text, "best so far"));
  BOOST_TEST(odt::latest_checkpoint(at / "model/best").value() == at / "model/best/model.ckpt-2");
  BOOST_TEST(exported == std::vector<std::string>{at / "model"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(without_ground_truth_there_are_detections_and_pictures_alone) {
  const scratch_directory at;
  odt::test::write_toy_run(at);
  train(at, 2);
  auto f =
      flags(at, odt::str("eval_config.ignore_groundtruth=true,eval_config.visualization_export_dir=", at / "drawn"));
  f.output = at / "detections.json";
  const auto result = evaluate(f);
  BOOST_TEST(result.count == 1);  // although it watches
  BOOST_TEST(contains(result.text, "4 images"));
  const auto found = tags(at / "model/eval_0");
  BOOST_TEST(found.contains("Detections_Left_Groundtruth_Right/0/0"));
  BOOST_TEST(!found.contains("DetectionBoxes_Precision/mAP"));
  BOOST_TEST(!found.contains("Loss/total_loss"));
  BOOST_TEST(contains(odt::read_file(f.output), "picture3.png"));
  BOOST_TEST(odt::file_exists(at / "drawn/export-image-0.png"));
}

BOOST_AUTO_TEST_CASE(pictures_are_exported_under_their_ids_on_demand) {
  const scratch_directory at;
  odt::test::write_toy_run(at);
  train(at, 2);
  auto f = flags(at, odt::str("eval_config.visualization_export_dir=", at / "drawn",
                              ",eval_config.keep_image_id_for_visualization_export=true,"
                              "eval_config.num_visualizations=2"));
  f.run_once = true;
  evaluate(f);
  BOOST_TEST(odt::file_exists(at / "drawn/export-image-0-picture0.png.png"));
  BOOST_TEST(odt::file_exists(at / "drawn/export-image-1-picture1.png.png"));
}

BOOST_AUTO_TEST_CASE(which_images_are_evaluated_follows_from_flags) {
  const scratch_directory at;
  odt::test::write_toy_run(at);
  train(at, 2);
  const auto images = [&at](const std::function<void(odt::eval_flags&)>& change) {
    auto f = flags(at);
    f.run_once = true;
    change(f);
    const std::string text = evaluate(f).text;
    const auto begin = text.find("at step 2: ") + 11;
    return text.substr(begin, text.find(" image", begin) - begin);
  };
  BOOST_TEST(images([](auto&) {}) == "4");
  BOOST_TEST(images([](auto& f) { f.evaluations.sample_1_of_n_eval_examples = 3; }) == "2");
  BOOST_TEST(images([](auto& f) { f.evaluations.training_data = true; }) == "2");
  BOOST_TEST(images([](auto& f) {
               f.evaluations.training_data = true;
               f.evaluations.sample_1_of_n_eval_on_train_examples = 1;
             }) == "10");
  BOOST_TEST(images([](auto& f) { f.source.hparams_overrides = "eval_config.num_examples=1"; }) == "1");
}

BOOST_AUTO_TEST_CASE(moving_averages_are_evaluated_on_demand) {
  const scratch_directory at;
  odt::test::write_toy_run(at);
  train(at, 2);
  const auto loss = [&at](const std::string& overrides) {
    auto f = flags(at, overrides);
    f.run_once = true;
    const std::string text = evaluate(f).text;
    return text.substr(text.find("; loss: "));
  };
  BOOST_TEST(loss("") != loss("eval_config.use_moving_averages=true"));
  BOOST_TEST(loss("") == loss("eval_config.use_moving_averages=false"));
}

BOOST_AUTO_TEST_CASE(what_it_has_not_is_refused_by_path) {
  const scratch_directory at;
  odt::test::write_toy_run(at);
  train(at, 1);
  for (const char* field : {"export_path='x'", "force_no_resize=true", "recall_lower_bound=0.5"}) {
    auto f = flags(at);
    f.run_once = true;
    std::string text(field);
    f.source.config_override = "eval_config { " + text.replace(text.find('='), 1, ": ") + " }";
    check_error([&] { evaluate(f); }, {odt::str("eval_config.", std::string_view(field).substr(0, text.find(':')))});
  }
  auto f = flags(at);
  f.metric = "accuracy";
  check_error([&] { evaluate(f); }, {"--metric accuracy"});
}

BOOST_AUTO_TEST_SUITE_END()
