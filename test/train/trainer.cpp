// SPDX-License-Identifier: MIT
#include <odt/train/trainer.hpp>

#include "train/toy_data.hpp"
#include "train/toy_detector.hpp"

#include <odt/config/pipeline.hpp>
#include <odt/core/log.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/directory_lock.hpp>
#include <odt/io/example.hpp>
#include <odt/io/file.hpp>
#include <odt/io/tfrecord.hpp>
#include <odt/train/choose_detector.hpp>

#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace {

using odt::test::scratch_directory;
using odt::test::toy_detector;

const std::vector<odt::detector_type>& types() {
  static const std::vector<odt::detector_type> all{toy_detector::type()};
  return all;
}

odt::train_flags flags(const scratch_directory& at, const std::string& config, std::string_view model_dir) {
  odt::train_flags f;
  f.pipeline_config_path = config;
  f.model_dir = at / model_dir;
  f.seed = 11;
  return f;
}

std::string run(const odt::train_flags& f) {
  std::FILE* file = std::tmpfile();
  {
    odt::console out(file, false);
    odt::train(types(), f, out);
  }
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

/// All tensors of the newest checkpoint, as stored.
std::vector<std::string> contents(const std::string& model_dir) {
  const odt::checkpoint_reader reader(model_dir);
  std::vector<std::string> all;
  for (const auto& tensor : reader.tensors()) all.push_back(tensor.name + reader.read_raw(tensor));
  return all;
}

bool contains(std::string_view text, std::string_view part) {
  const bool found = text.find(part) != std::string_view::npos;
  if (!found) BOOST_TEST_MESSAGE(text);
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(trainer_tests)

BOOST_AUTO_TEST_CASE(a_run_that_was_stopped_and_resumed_equals_an_uninterrupted_one) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  run(flags(at, config, "whole"));
  auto part = flags(at, config, "parts");
  part.num_train_steps = 7;
  run(part);
  part.num_train_steps = 20;
  part.seed = {};
  const std::string text = run(part);
  BOOST_TEST(contains(text, "goes on from " + (at / "parts/model.ckpt-7") + " at step 7"));
  BOOST_TEST(contents(at / "whole") == contents(at / "parts"), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_run_that_was_killed_goes_on_bit_for_bit) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  auto whole = flags(at, config, "whole");
  whole.num_train_steps = 3000;
  whole.evaluate = false;
  run(whole);

  auto part = whole;
  part.model_dir = at / "killed";
  part.save_checkpoints_steps = 10;
  std::fflush(nullptr);  // or the child writes it again
  const pid_t child = fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    run(part);
    _exit(0);
  }
  while (!odt::latest_checkpoint(part.model_dir)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  BOOST_TEST_REQUIRE(WIFSIGNALED(status));
  const auto left = odt::latest_checkpoint(part.model_dir);
  BOOST_TEST_REQUIRE(left.has_value());
  BOOST_TEST(*odt::checkpoint_step(*left) < 3000);

  part.data_threads = 3;
  part.save_checkpoints_steps = 0;
  run(part);
  BOOST_TEST(contents(whole.model_dir) == contents(part.model_dir), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_config_is_written_beside_the_model_and_evaluation_follows) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  auto f = flags(at, config, "model");
  f.hparams_overrides = "batch_size=2";
  const std::string text = run(f);
  BOOST_TEST(odt::pipeline::load(at / "model/pipeline.config").root().at("train_config").get<int>("batch_size") == 2);
  BOOST_TEST(contains(text, "evaluation at step 20: 4 images"));
  BOOST_TEST(contains(text, "tensorboard --logdir"));
  BOOST_TEST(odt::is_directory(at / "model/eval_0"));
  BOOST_TEST(odt::is_directory(at / "model/best"));
}

BOOST_AUTO_TEST_CASE(going_on_with_other_data_or_another_config_is_told) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  auto f = flags(at, config, "model");
  f.num_train_steps = 2;
  run(f);
  odt::test::write_toy_records(at / "train.record", 12, 1);
  f.num_train_steps = 4;
  f.hparams_overrides = "batch_size=2";
  f.seed = 12;
  const std::string text = run(f);
  BOOST_TEST(contains(text, "warning: the training data is not what this run began with"));
  BOOST_TEST(contains(text, "train_config.batch_size: 2, was 3"));
  BOOST_TEST(contains(text, "--seed 12 is not used"));
}

/// The toy's records with another box, of the same size and name.
void relabel(const std::string& path) {
  const odt::record_file old(path);
  std::vector<std::string> records;
  for (std::size_t i = 0; i < old.size(); ++i) {
    odt::example e = odt::parse_example(old.read(i), old.place(i));
    e.objects[0].bounds.ymax = 0.75f;
    records.push_back(odt::serialize_example(e));
  }
  odt::record_writer writer(path);
  for (const std::string& one : records) writer.write(one);
  writer.commit();
}

BOOST_AUTO_TEST_CASE(other_boxes_in_records_of_the_same_size_are_told) {
  const scratch_directory at;
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  f.num_train_steps = 2;
  run(f);
  const auto size = odt::file_size(at / "train.record");
  relabel(at / "train.record");
  BOOST_TEST_REQUIRE(odt::file_size(at / "train.record") == size);
  f.num_train_steps = 4;
  const std::string text = run(f);
  BOOST_TEST(contains(text, "warning: the training data is not what this run began with"));
  f.num_train_steps = 6;
  BOOST_TEST(!contains(run(f), "warning: the training data"));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_knows_no_contents_goes_on_without_a_warning) {
  const scratch_directory at;
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  f.num_train_steps = 2;
  run(f);
  const std::string prefix = at / "model/model.ckpt-2";
  {
    const odt::checkpoint_reader now(prefix);
    odt::checkpoint_writer before(prefix);
    for (const auto& tensor : now.tensors())
      if (tensor.name != "odt/data_contents" && tensor.name != "odt/label_map")
        before.add_raw(tensor, now.read_raw(tensor));
    before.commit();
  }
  f.num_train_steps = 4;
  const std::string text = run(f);
  BOOST_TEST(contains(text, "goes on from"));
  BOOST_TEST(!contains(text, "warning"));
}

BOOST_AUTO_TEST_CASE(classes_that_changed_places_are_refused_and_renamed_ones_told) {
  const scratch_directory at;
  const std::string config = odt::test::write_toy_run(at);
  std::string text = odt::read_file(config);
  text.replace(text.find("num_classes: 1"), 14, "num_classes: 2");
  odt::write_file(config, text);
  odt::label_map::from_names({"thing", "other"}).write(at / "label_map.pbtxt");
  auto f = flags(at, config, "model");
  f.num_train_steps = 2;
  run(f);
  odt::label_map::from_names({"other", "thing"}).write(at / "label_map.pbtxt");
  f.num_train_steps = 4;
  BOOST_CHECK_EXCEPTION(run(f), odt::error, [](const odt::error& e) {
    return contains(e.what(), "class 1 was thing and is other now; class 2 was other and is thing now");
  });
  odt::label_map::from_names({"thing", "another"}).write(at / "label_map.pbtxt");
  BOOST_TEST(contains(run(f),
                      "warning: the label map has changed since this run began: class 2 was other and is "
                      "another now"));
}

BOOST_AUTO_TEST_CASE(the_config_that_is_saved_has_the_number_of_steps_that_ran) {
  const scratch_directory at;
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  f.num_train_steps = 3;
  run(f);
  const auto saved = odt::pipeline::load(at / "model/pipeline.config");
  BOOST_TEST(saved.root().at("train_config").get<int>("num_steps") == 3);
}

BOOST_AUTO_TEST_CASE(a_run_is_evaluated_on_its_training_data_on_demand) {
  const scratch_directory at;
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  f.num_train_steps = 2;
  f.evaluations.training_data = true;
  const std::string text = run(f);
  BOOST_TEST(contains(text, "evaluation at step 2: 2 images"));
  BOOST_TEST(odt::is_directory(at / "model/eval_training_data"));
}

BOOST_AUTO_TEST_CASE(the_best_starts_anew_with_other_evaluation_data) {
  const scratch_directory at;
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  f.num_train_steps = 2;
  run(f);
  odt::test::write_toy_records(at / "val.record", 6, 3);
  f.num_train_steps = 4;
  const std::string text = run(f);
  BOOST_TEST(contains(text, "was of other evaluation data; the best starts anew"));
  BOOST_TEST(contains(text, "best so far"));
}

BOOST_AUTO_TEST_CASE(a_run_never_begins_over_checkpoints_that_exist) {
  const scratch_directory at;
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  f.num_train_steps = 4;
  run(f);
  const std::string state = odt::read_file(at / "model/checkpoint");
  odt::remove_file(at / "model/checkpoint");
  f.num_train_steps = 6;
  const std::string text = run(f);
  BOOST_TEST(contains(text, "checkpoint is missing"));
  BOOST_TEST(contains(text, "goes on from " + (at / "model/model.ckpt-4") + " at step 4"));

  f.model_dir = at / "empty";
  odt::make_directories(f.model_dir);
  odt::write_file(at / "empty/checkpoint", state);
  BOOST_CHECK_EXCEPTION(run(f), odt::error, [](const odt::error& e) {
    return contains(e.what(), "names model.ckpt-4, which is neither there nor in this folder");
  });
}

BOOST_AUTO_TEST_CASE(a_second_trainer_in_a_model_dir_is_refused) {
  const scratch_directory at;
  const auto f = flags(at, odt::test::write_toy_run(at), "model");
  const odt::directory_lock other(f.model_dir);
  BOOST_CHECK_EXCEPTION(run(f), odt::error, [](const odt::error& e) { return contains(e.what(), "trains here"); });
}

BOOST_AUTO_TEST_CASE(a_run_that_reached_its_end_says_so) {
  const scratch_directory at;
  const auto f = flags(at, odt::test::write_toy_run(at), "model");
  run(f);
  BOOST_TEST(contains(run(f), "step 20 is reached already"));
}

BOOST_AUTO_TEST_CASE(a_config_for_which_there_is_no_detector_gets_the_lines_that_make_one) {
  const auto config = odt::pipeline::parse(
      "model { ssd { num_classes: 1 feature_extractor { type: 'ssd_inception_v2' }\n"
      "  box_coder { faster_rcnn_box_coder { } } matcher { argmax_matcher { } } } }\n"
      "train_config { optimizer { rms_prop_optimizer { } } }");
  BOOST_CHECK_EXCEPTION(odt::choose_detector(types(), config.root()), odt::error, [](const odt::error& e) {
    return contains(e.what(), "toy: feature_extractor is ssd_inception_v2, not toy") &&
           contains(e.what(),
                    "odt::ssd<odt::inception_v2, odt::faster_rcnn_box_coder, odt::argmax_matcher, "
                    "odt::rms_prop>;");
  });
}

BOOST_AUTO_TEST_CASE(a_field_that_nobody_reads_is_refused_by_its_path) {
  const scratch_directory at;
  const auto f = flags(at, odt::test::write_toy_run(at, "graph_rewriter { quantization { delay: 1 } }"), "model");
  BOOST_CHECK_EXCEPTION(run(f), odt::error, [](const odt::error& e) { return contains(e.what(), "graph_rewriter"); });
  BOOST_TEST(!odt::is_directory(f.model_dir));
}

BOOST_AUTO_TEST_CASE(num_classes_unlike_the_label_map_is_refused) {
  const scratch_directory at;
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  odt::label_map::from_names({"thing", "other"}).write(at / "label_map.pbtxt");
  BOOST_CHECK_EXCEPTION(run(f), odt::error, [](const odt::error& e) { return contains(e.what(), "num_classes"); });
}

BOOST_AUTO_TEST_CASE(a_config_of_the_model_dir_is_not_written_over) {
  const scratch_directory at;
  std::filesystem::create_directory(at / "model");
  const std::string config = at / "model/pipeline.config";
  const std::string text = "# mine\n" + odt::read_file(odt::test::write_toy_run(at));
  odt::write_file(config, text);
  auto f = flags(at, config, "model");
  f.num_train_steps = 2;
  run(f);
  BOOST_TEST(odt::read_file(config) == text);
  f.num_train_steps = 3;
  run(f);
  BOOST_TEST(odt::read_file(config) == text);
}

BOOST_AUTO_TEST_CASE(a_config_that_an_earlier_run_wrote_follows_the_run) {
  const scratch_directory at;
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  f.num_train_steps = 2;
  run(f);
  f.pipeline_config_path = at / "model/pipeline.config";
  f.num_train_steps = 3;
  run(f);
  BOOST_TEST(odt::pipeline::load(at / "model/pipeline.config").root().at("train_config").at("num_steps").text == "3");
}

BOOST_AUTO_TEST_CASE(a_model_dir_that_was_copied_brings_its_label_map) {
  const scratch_directory at;
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  f.num_train_steps = 2;
  run(f);
  BOOST_TEST(odt::read_file(at / "model/label_map.pbtxt") == odt::read_file(at / "label_map.pbtxt"));
  std::filesystem::rename(at / "label_map.pbtxt", at / "gone.pbtxt");
  std::filesystem::rename(at / "model", at / "copy");
  odt::model_source source;
  source.checkpoint = at / "copy";
  const std::vector<odt::detector_type> types{toy_detector::type()};
  BOOST_TEST(odt::load_detector(types, source).class_names().front() == "thing");
  std::string said;
  odt::set_log_sink([&said](odt::log_level, std::string_view message) { said += message; });
  BOOST_TEST(odt::load_config(source).root().at("train_input_reader").at("label_map_path").text ==
             at / "copy/label_map.pbtxt");
  odt::set_log_sink({});
  BOOST_TEST(said.find("copy/label_map.pbtxt is taken") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_stale_label_map_in_the_model_dir_names_no_class) {
  const scratch_directory at;
  std::filesystem::create_directory(at / "model");
  odt::label_map::from_names({"apple"}).write(at / "model/label_map.pbtxt");
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  f.num_train_steps = 2;
  BOOST_TEST(contains(run(f), "model/label_map.pbtxt is not the label map of this training, and stays as it is"));
  BOOST_TEST((odt::label_map::read(at / "model/label_map.pbtxt") == odt::label_map::from_names({"apple"})));
  std::filesystem::remove(at / "label_map.pbtxt");
  odt::model_source source;
  source.checkpoint = at / "model";
  BOOST_TEST(odt::load_detector(types(), source).class_names().front() == "thing");
  source.label_map_path = at / "model/label_map.pbtxt";
  BOOST_TEST(odt::load_detector(types(), source).class_names().front() == "apple");
}

BOOST_AUTO_TEST_CASE(data_without_an_index_stays_where_no_run_was) {
  const scratch_directory at;
  std::filesystem::create_directory(at / "model");
  const std::string data = at / "model/model.ckpt-900.data-00000-of-00001";
  odt::write_file(data, "a person's");
  auto f = flags(at, odt::test::write_toy_run(at), "model");
  f.num_train_steps = 2;
  run(f);
  BOOST_TEST(odt::file_exists(data));
  odt::write_file(data, "of a killed run");
  f.num_train_steps = 3;
  run(f);
  BOOST_TEST(!odt::file_exists(data));
}

BOOST_AUTO_TEST_SUITE_END()
